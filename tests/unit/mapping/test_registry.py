from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mapping_samples import CSV_FIELDS, CSV_HEAD, EDIFACT_FIELDS, EDIFACT_HEAD

from orderhub.mapping import FolderLookups, LookupTableError, MappingRefused, MappingRegistry, MappingUnknown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lookups").mkdir()
    (tmp_path / "lookups" / "units.csv").write_text("from,to\nPCE,C62\nKG,KGM\n")

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.yaml").write_text(text.replace("mapping: sample", f"mapping: {name}"))

    write("orders", EDIFACT_HEAD + EDIFACT_FIELDS)
    write("rows", CSV_HEAD + CSV_FIELDS)
    write("wide_rows", CSV_HEAD.replace("kind,", "kind, colour,") + CSV_FIELDS)
    write("a_broken_one", EDIFACT_HEAD + EDIFACT_FIELDS.replace("BGM/1004", "BGM/9999"))
    (tmp_path / "b_no_yaml.yaml").write_text("a: [")
    return tmp_path


def test_by_name(folder: Path) -> None:
    registry = MappingRegistry(folder)
    assert registry.names() == ["a_broken_one", "b_no_yaml", "orders", "rows", "wide_rows"]
    assert registry.get("orders").name == "orders"
    assert registry.get("orders") is registry.get("orders")
    with pytest.raises(MappingUnknown, match="Did you mean orders"):
        registry.get("order")
    with pytest.raises(MappingUnknown):
        registry.get("../orders")
    with pytest.raises(MappingRefused, match="9999"):
        registry.get("a_broken_one")


def test_by_source_and_past_broken_files(folder: Path) -> None:
    registry = MappingRegistry(folder)
    fitting = registry.fitting("edifact", "ORDERS", "D.96A")
    assert fitting is not None
    assert fitting.name == "orders"
    assert set(registry.broken) == {"a_broken_one", "b_no_yaml"}
    assert registry.fitting("edifact", "ORDERS", "D.01B") is None
    assert registry.fitting("edifact", "INVOIC", "D.96A") is None
    assert registry.fitting("x12", "850", "004010") is None


def test_csv_by_its_header(folder: Path) -> None:
    registry = MappingRegistry(folder)
    needed = ["no", "date", "buyer", "supplier", "line", "item", "qty", "unit"]
    for columns, name in (
        (needed, "rows"),
        ([*needed, "colour", "kind"], "wide_rows"),
        (needed[1:], None),
        (["a", "b"], None),
    ):
        fitting = registry.fitting("csv", "rows", None, columns=columns)
        assert (None if fitting is None else fitting.name) == name


def test_a_changed_file_is_noticed(folder: Path) -> None:
    registry = MappingRegistry(folder)
    before = registry.get("orders")
    path = folder / "orders.yaml"
    path.write_text(path.read_text().replace("version: 1", "version: 2"))
    os.utime(path, ns=(1, 1))
    assert registry.get("orders").version == 2
    assert before.version == 1
    path.write_text("broken: [")
    with pytest.raises(MappingRefused):
        registry.get("orders")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b\n1,2\n", 1),
        ("from,to\n1,2\n1,3\n", 3),
        ("from,to\n1\n", 2),
        ("from,to\n1,\n", 2),
        ('from,to\n"1,2\n', 2),
        ("", 1),
    ],
)
def test_wrong_lookup_tables(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(LookupTableError) as caught:
        FolderLookups(tmp_path).table("t")
    assert caught.value.place is not None
    assert caught.value.place.line == line
    assert caught.value.place.file == "lookups/t.csv"


def test_lookup_tables_come_only_from_their_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("from,to\n1,2\n")
    inner = tmp_path / "lookups"
    inner.mkdir()
    for name in ("../secret", "secret/../../secret", "", "none"):
        with pytest.raises(LookupTableError):
            FolderLookups(inner).table(name)
    (inner / "bytes.csv").write_bytes(b"from,to\n\xff,1\n")
    with pytest.raises(LookupTableError, match="UTF-8"):
        FolderLookups(inner).table("bytes")


def test_importing_and_compiling_stays_light() -> None:
    """The command line starts with this: nothing heavy comes along."""
    script = (
        "import sys\n"
        "import orderhub.mapping.translation\n"
        "from orderhub.mapping import MappingRegistry\n"
        "heavy = {'pandas', 'pydantic', 'sqlalchemy', 'numpy', 'great_expectations', 'airflow', 'rich', 'lxml'}\n"
        "assert 'ruamel.yaml' not in sys.modules\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
