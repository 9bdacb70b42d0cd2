"""``orderhub mapping trace | coverage | diff | check`` and ``--partner``, with nothing running."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
NAME = "csv_orders__purchase_order"
ORDERS = PROJECT / "mappings" / "examples" / NAME / "two_orders.csv"


def orderhub(*arguments: str | Path, cwd: Path = PROJECT, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "orderhub.cli.main", *map(os.fsencode, arguments)],
        cwd=cwd,
        capture_output=True,
        timeout=300,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert done.returncode == code, (done.stdout, done.stderr)
    return (done.stdout or done.stderr).decode()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose CSV mapping takes the currency from the agreement, and an older version of it."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("mappings", "partners", "flows", "schemas"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("examples"))
    (folder / "airflow.cfg").write_text("")
    mapping = folder / "mappings" / f"{NAME}.yaml"
    text = mapping.read_text(encoding="utf-8")
    (folder / "old").mkdir()
    shutil.copytree(folder / "mappings" / "lookups", folder / "old" / "lookups")
    (folder / "old" / f"{NAME}.yaml").write_text(text, encoding="utf-8")
    assert 'currency ? "EUR"' in text
    changed = text.replace('currency ? "EUR"', "currency ? agreement(currency)").replace(
        "version: 1", "version: 2"
    )
    mapping.write_text(changed, encoding="utf-8")
    partner = folder / "partners" / "citrus_market.yaml"
    partner.write_text(partner.read_text().replace("currency: EUR", "currency: SEK"))
    return folder


def test_one_value_is_traced(project: Path) -> None:
    arguments = ("mapping", "trace", NAME, ORDERS, "--field", "lines[1].unit", "--partner", "citrus_market")
    shown = orderhub(*arguments, cwd=project)
    assert "lines[1].unit = KGM" in shown
    assert "line 3" in shown and "lookups/unit_of_measure.csv, line" in shown
    found = json.loads(orderhub(*arguments, "--json", cwd=project))
    (source,) = found["sources"]
    start = source["place"]["offset"]
    assert ORDERS.read_bytes()[start : start + source["place"]["length"]] == b"KGM"
    assert [step["what"] for step in found["steps"]] == ["source", "function", "lookup"]


def test_all_values_of_another_message(project: Path) -> None:
    shown = orderhub(
        "mapping", "trace", NAME, ORDERS, "--document", "2", "--partner", "citrus_market", cwd=project
    )
    assert "CM-EX-2" in shown and "SEK" in shown and "agreement" in shown
    assert "the file has 2" in orderhub("mapping", "trace", NAME, ORDERS, "--document", "3", code=2)


def test_a_field_that_is_not_there(project: Path) -> None:
    said = orderhub("mapping", "trace", NAME, ORDERS, "--field", "line[0].unit", code=2)
    assert "TRACE_FIELD" in said and "Did you mean lines?" in said


def test_what_a_mapping_takes_from_the_agreement_is_told(project: Path) -> None:
    assert f"{NAME} takes from the agreement: currency." in orderhub("mapping", "check", NAME, cwd=project)
    assert json.loads(orderhub("mapping", "check", NAME, "--json", cwd=project))["agreement"] == {
        NAME: ["currency"]
    }


def test_run_and_translate_know_the_partner(project: Path) -> None:
    ran = orderhub("mapping", "run", NAME, ORDERS, "--partner", "citrus_market", "--json", cwd=project)
    assert json.loads(ran.splitlines()[0])["document"]["currency"] == "SEK"
    translated = orderhub("translate", ORDERS, "--mapping", NAME, "--partner", "citrus_market", cwd=project)
    assert json.loads(translated.splitlines()[0])["document"]["currency"] == "SEK"
    without = orderhub("translate", ORDERS, "--mapping", NAME, cwd=project)
    (file,) = [json.loads(line) for line in without.splitlines()]
    assert "--partner" in file["findings"][0]["message"]
    assert "no partner" in orderhub("translate", ORDERS, "--partner", "nobody", cwd=project, code=2)


def test_coverage_of_a_folder(project: Path) -> None:
    shown = orderhub(
        "mapping", "coverage", "edifact_orders_d96a__purchase_order", PROJECT / "samples" / "inbox"
    )
    assert "messages in" in shown and "CUX[2]/C504/6343" in shown


def test_diff_of_two_versions(project: Path) -> None:
    old = project / "old" / f"{NAME}.yaml"
    arguments = ("mapping", "diff", old, NAME, ORDERS.parent, "--partner", "citrus_market")
    shown = orderhub(*arguments, cwd=project, code=1)
    assert "currency  EUR  →  SEK" in shown
    found = json.loads(orderhub(*arguments, "--json", cwd=project, code=1))
    assert set(found["fields"]) == {"currency"} and found["messages"] > found["same"]
    assert "0 of" in orderhub("mapping", "diff", old, old, ORDERS, cwd=project)


def test_the_how_to_shows_what_is_printed(project: Path) -> None:
    name = "edifact_orders_d96a__purchase_order"
    page = (PROJECT / "docs" / "how-to" / "trace-a-value.md").read_text(encoding="utf-8")
    (printed,) = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    order = PROJECT / "mappings" / "examples" / name / "full_order.edi"
    assert orderhub("mapping", "trace", name, order, "--field", "lines[0].unit") == printed


def test_a_document_is_written_as_a_payload(tmp_path: Path) -> None:
    name, folder = "purchase_order__xml_order", PROJECT / "mappings" / "examples"
    source = folder / name / "full_order.source.json"
    shown = orderhub("mapping", "write", name, source)
    assert shown.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<Order xmlns="urn:orderhub:order:1"')
    target = tmp_path / "order.xml"
    assert "application/xml" in orderhub("mapping", "write", name, source, "--output", target)
    assert target.read_text(encoding="utf-8") == shown
    found = json.loads(orderhub("mapping", "write", name, source, "--json"))
    assert (found["version"], found["payload"], found["ok"]) == (1, shown, True)


def test_what_cannot_be_written_is_told_with_its_field() -> None:
    name = "purchase_order__idoc_orders05"
    source = PROJECT / "mappings" / "examples" / name / "quantity_with_four_places.source.json"
    given = ("--given", "sender=HUB", "--given", "receiver=SAP")
    shown = orderhub("mapping", "write", name, source, *given, code=1)
    assert "IDOC.E1EDP01[0].MENGE" in shown and "0.0625" in shown
    found = json.loads(orderhub("mapping", "write", name, source, *given, "--json", code=1))
    assert [one["field"] for one in found["findings"]] == ["lines[0].quantity"]
    for arguments, says in (
        (("mapping", "write", name, source, "--given", "sender"), "gives no value"),
        (("mapping", "write", name, source, "--given", "sendr=HUB"), "declares no value"),
        (("mapping", "write", NAME, source), "reads"),
        (("mapping", "write", name, ORDERS), "is no purchase_order"),
        (("mapping", "run", name, ORDERS), "writes"),
    ):
        assert says in orderhub(*arguments, code=2).replace("\n", " ")


def test_what_a_payload_leaves_out_is_listed(tmp_path: Path) -> None:
    name = "purchase_order__idoc_orders05"
    folder = PROJECT / "mappings" / "examples" / name
    (tmp_path / "other.txt").write_text("no document")
    found = json.loads(
        orderhub("mapping", "coverage", name, folder / "full_order.source.json", tmp_path, "--json")
    )
    assert (found["messages"], len(found["passed_over"])) == (1, 1)
    dropped = {one["path"]: (one["times"], one["example"]) for one in found["dropped"]}
    assert dropped == {
        "buyer.contact.email": (1, "kare@example.com"),
        "buyer.tax_number": (1, "NO999999999MVA"),
        "contract_number": (1, "C-77"),
        "revision": (1, "2"),
        "source_system": (1, "JSON"),
    }


def test_what_is_found_in_a_document_is_said_once() -> None:
    unread = ORDERS.with_name("unread_column.csv")
    assert orderhub("mapping", "run", NAME, unread).count("[UNMAPPED]") == 1
