"""``orderhub translate``: an outcome for every file, whatever it is, with nothing running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]


def orderhub(*arguments: str | Path, cwd: Path = PROJECT) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "orderhub.cli.main", *map(os.fsencode, arguments)],
        cwd=cwd,
        capture_output=True,
        timeout=300,
    )


def rows(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert b"Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def order(tmp_path: Path) -> Path:
    path = tmp_path / "orders.edi"
    done = orderhub("generate", "--orders", "3", "--lines", "2", "--seed", "7", "--output", path)
    assert done.returncode == 0, done.stderr
    return path


def test_documents_then_the_file(order: Path) -> None:
    done = orderhub("translate", order)
    *documents, file = rows(done)
    assert done.returncode == 0
    assert [row["type"] for row in documents] == ["document"] * 3
    assert all(
        row["number"] == row["document"]["number"] and len(row["document"]["lines"]) == 2 for row in documents
    )
    assert (file["type"], file["outcome"], file["documents"]) == ("file", "translated", 3)
    assert (file["format"], file["message"], file["release"]) == ("edifact", "ORDERS", "D.96A")


def test_a_wrong_count_is_found_at_its_segment(order: Path) -> None:
    data = order.read_bytes()
    at = data.index(b"UNT+")
    order.write_bytes(data[:at] + b"UNT+999+" + data[data.index(b"+", at + 4) + 1 :])
    *documents, file = rows(orderhub("translate", order))
    assert (file["outcome"], file["documents"], len(documents)) == ("partial", 2, 2)
    finding = next(finding for finding in file["findings"] if finding["severity"] == "error")
    assert (finding["code"], finding["segment"], finding["element"]) == ("EDIFACT_UNT_COUNT", "UNT", 1)
    assert finding["offset"] == at + len("UNT+")
    assert set(finding) >= {
        "code", "severity", "message", "segment", "element", "component", "path", "offset", "line", "column", "excerpt",
    }  # fmt: skip


def test_every_odd_file_has_an_outcome(tmp_path: Path, order: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "empty.edi").write_bytes(b"")
    (folder / "junk.bin").write_bytes(bytes(range(256)) * 100)
    (folder / "truncated.edi").write_bytes(order.read_bytes()[:-40])
    (folder / "header-only.edi").write_bytes(b"UNA:+.? '")
    (folder / "one-long-segment.edi").write_bytes(b"UNB+UNOC:3+A:14+B:14+260101:0900+1'" + b"A" * 5_000_000)
    (folder / "xml.xml").write_bytes(b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>")
    (folder / "name with \n newline.csv").write_bytes(b"a;b\n1;2\n")
    os.mkfifo(folder / "pipe.edi")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.edi")).write_bytes(b"UNB")
    done = orderhub("translate", folder)
    found = {Path(row["file"]).name: row for row in rows(done) if row["type"] == "file"}
    assert len(found) == 9
    assert {name for name, row in found.items() if row["outcome"] not in ("refused", "read")} == {
        "truncated.edi"
    }
    assert [name for name, row in found.items() if not row["findings"]] == []
    # the pipe could not be looked at, and the call says so
    assert done.returncode == 1
    assert found["pipe.edi"]["findings"][0]["code"] == "FILE_UNREADABLE"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = orderhub("translate", tmp_path / "nothing.edi")
    (file,) = rows(done)
    assert (done.returncode, file["outcome"]) == (1, "refused")


def test_an_unknown_mapping_is_an_error_of_the_call(order: Path) -> None:
    done = orderhub("translate", order, "--mapping", "edifact_orders_d96a__purchase_ordr")
    assert done.returncode == 2
    assert b"edifact_orders_d96a__purchase_order" in done.stderr
    assert done.stdout == b""


def test_it_starts_without_what_it_does_not_need(order: Path) -> None:
    heavy = (
        "sqlalchemy",
        "psycopg",
        "airflow",
        "pandas",
        "numpy",
        "great_expectations",
        "redis",
        "pydantic",
        "fastapi",
    )
    program = (
        "import sys; from orderhub.cli.main import main\n"
        f"sys.argv = ['orderhub', 'translate', {str(order)!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"sys.stderr.write(' '.join(name for name in {heavy!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, timeout=300)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 4


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    path = tmp_path / "many.edi"
    assert orderhub("generate", "--orders", "500", "--output", path).returncode == 0
    command = [sys.executable, "-m", "orderhub.cli.main", "translate", str(path)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=300)
    assert errors == b""


def test_the_same_seed_gives_the_same_bytes() -> None:
    first = orderhub("generate", "--format", "csv", "--orders", "5", "--lines", "3", "--seed", "2").stdout
    assert (
        first
        == orderhub("generate", "--format", "csv", "--orders", "5", "--lines", "3", "--seed", "2").stdout
    )
    assert (
        first
        != orderhub("generate", "--format", "csv", "--orders", "5", "--lines", "3", "--seed", "3").stdout
    )
    assert len(first.splitlines()) == 5 * 3 + 1


def test_findings_have_the_severity_that_was_agreed_with_the_sender(order: Path, tmp_path: Path) -> None:
    """By the sender of the envelope, or by the partner that the call names; the sum and the end of the file follow it."""
    data = order.read_bytes()
    at = data.index(b"UNT+")
    order.write_bytes(data[:at] + b"UNT+999+" + data[data.index(b"+", at + 4) + 1 :])
    sender = data.split(b"UNB+")[1].split(b"+")[1].split(b":")
    partners = tmp_path / "partners"
    partners.mkdir()
    agreement = (
        "partner: {name}\nname: Somebody\ncompany: default\nenvironment: production\n"
        "identifiers:\n  - {{format: edifact, id: '{id}', qualifier: '{qualifier}'}}\n"
        "severities: {{EDIFACT_UNT_COUNT: {severity}}}\n"
    )
    (partners / "by_envelope.yaml").write_text(
        agreement.format(
            name="by_envelope", id=sender[0].decode(), qualifier=sender[1].decode(), severity="warning"
        ),
        encoding="utf-8",
    )
    (partners / "by_name.yaml").write_text(
        agreement.format(name="by_name", id="123", qualifier="ZZ", severity="info"), encoding="utf-8"
    )
    for partner, severity in ((), "warning"), (("--partner", "by_name"), "info"):
        *documents, file = rows(orderhub("translate", order, "--partners", partners, *partner))
        assert (file["outcome"], file["documents"], len(documents)) == ("translated", 3, 3)
        said = [f for f in file["findings"] if f["code"] == "EDIFACT_UNT_COUNT"]
        assert [finding["severity"] for finding in said] == [severity]
        assert said[0]["offset"] == at + len("UNT+")


def test_a_forgiven_envelope_is_translated(order: Path, tmp_path: Path) -> None:
    data = order.read_bytes()
    at = data.index(b"UNZ+")
    order.write_bytes(data[:at] + b"UNZ+7+" + data[data.index(b"+", at + 4) + 1 :])
    *_, strict = rows(orderhub("translate", order))
    assert strict["outcome"] == "partial"
    code = next(f["code"] for f in strict["findings"] if f["severity"] == "error")
    (tmp_path / "mild.yaml").write_text(
        "partner: mild\nname: Mild\ncompany: default\nenvironment: production\n"
        f"identifiers:\n  - {{format: edifact, id: '1'}}\nseverities: {{{code}: warning}}\n",
        encoding="utf-8",
    )
    *_, mild = rows(orderhub("translate", order, "--partners", tmp_path, "--partner", "mild"))
    assert (mild["outcome"], mild["documents"]) == ("translated", 3)
