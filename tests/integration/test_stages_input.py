"""What bad input becomes, and what the agreement with its sender makes of it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from hub_harness import PROJECT, ProjectFolders, hub
from stages_support import CSV, EDIFACT, states

from orderhub.ledger import documents
from orderhub.ledger.engine import transaction

pytestmark = pytest.mark.integration


def test_a_file_with_ten_thousand_errors_keeps_the_first_and_counts_all(
    database: str, tmp_path: Path
) -> None:
    lines = (CSV / "12_bad_unknown_unit.csv").read_text(encoding="utf-8").splitlines()
    rows = [lines[0]]
    for number in range(1, 10_001):
        rows.append(lines[1].replace("CM-50015", "CM-60000").replace(";1;30", f";{number};30"))
    with hub("csv_orders", database, tmp_path) as at:
        at.drop("\r\n".join(rows).encode(), "many_errors.csv")
        assert at.run().problems == []
        [document] = at.documents()
        assert document["state"] == "quarantined"
        assert len(document["findings"]) == 200
        assert document["finding_count"] == 10_000


@pytest.mark.parametrize(
    ("name", "data", "state", "code"),
    [
        ("$(rm -rf);'..%00.edi", b"UNB+UNOC:3+4299999001006:14", "refused", "EDIFACT"),
        ("nul.edi", b"\x00" * 5000, "refused", "FORMAT_UNKNOWN"),
        ("gzip.edi", b"\x1f\x8b\x08\x00" + random.Random(1).randbytes(300), "refused", "FORMAT_UNKNOWN"),
        ("zip.edi", b"PK\x03\x04" + b"\x00" * 300, "refused", "BUNDLE_DAMAGED"),
        ("bomb.edi", b"UNA:+.? '" + b"'" * 500_000, "refused", "EDIFACT"),
        ("orders.xml", b"<?xml version='1.0'?><Order/>", "refused", "UNKNOWN_SENDER"),
        ("utf16.edi", "UNB+UNOC:3+1:14+2:14+261120:0830+1'".encode("utf-16"), "refused", "EDIFACT_ENCODING"),
        ("message.edi", b"UNH+1+INVOIC:D:96A:UN'BGM+380+1'UNT+3+1'", "refused", "EDIFACT"),
    ],
)
def test_junk_has_an_outcome_and_the_next_file_goes_on(
    database: str, tmp_path: Path, name: str, data: bytes, state: str, code: str
) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(data, name)
        at.drop(EDIFACT / "01_good_single.edi", "zz_good.edi")
        assert at.run().problems == []
        found = at.interchanges()
        assert found["zz_good.edi"]["state"] == "translated"
        [row] = [row for key, row in found.items() if key != "zz_good.edi"]
        assert row["state"] == state
        assert row["findings"][0]["code"].startswith(code), row["findings"]
        assert row["archive_key"]
        assert states(at) == {"loaded": 1}


def test_another_message_type_is_read_and_kept(database: str, tmp_path: Path) -> None:
    text = (EDIFACT / "01_good_single.edi").read_bytes().replace(b"ORDERS:D:96A", b"INVOIC:D:96A")
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(text, "invoice.edi")
        assert at.run().problems == []
        [row] = at.interchanges().values()
        assert row["state"] in ("read", "refused")
        assert at.documents() == []


def test_limits_of_the_agreement_refuse_the_interchange(database: str, tmp_path: Path) -> None:
    partners = tmp_path / "partners"
    shutil.copytree(PROJECT / "partners", partners)
    file = partners / "acme_retail.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("documents: 20000", "documents: 2"), encoding="utf-8"
    )
    with hub("edifact_orders", database, tmp_path, folders=ProjectFolders(partners_folder=partners)) as at:
        at.drop(EDIFACT / "02_good_three_messages.edi")
        assert at.run().problems == []
        [row] = at.interchanges().values()
        assert (row["state"], row["findings"][0]["code"]) == ("refused", "LIMIT_DOCUMENTS")
        assert at.documents() == []


def test_all_or_nothing_holds_across_batches(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path, batch_size=1) as at:
        at.drop(EDIFACT / "26_bad_all_or_nothing.edi")
        assert at.run().problems == []
        assert {row["number"]: row["findings"][0]["code"] for row in at.documents()} == {
            "BP-88002": "INTERCHANGE_HELD",
            "BP-88003": "PO_LINE_QUANTITY",
        }
        assert at.rows("SELECT * FROM ledger.outbox") == []


def test_all_or_nothing_also_holds_for_rules_that_compare_with_today_or_list_prices(
    database: str, tmp_path: Path
) -> None:
    partners = tmp_path / "partners"
    shutil.copytree(PROJECT / "partners", partners)
    file = partners / "borealis_plant.yaml"
    text = file.read_text(encoding="utf-8")
    assert "severities:" not in text
    file.write_text(f"{text}\nseverities:\n  PO_ISSUED_AHEAD: error\n", encoding="utf-8")
    first, second = (EDIFACT / "26_bad_all_or_nothing.edi").read_bytes().split(b"UNH+2+")
    ahead = second.replace(b"QTY+21:0:", b"QTY+21:1:").replace(b"MOA+203:0.00", b"MOA+203:6.40")
    ahead = ahead.replace(b"DTM+137:20261120", b"DTM+137:20991120").replace(
        b"DTM+2:20261204", b"DTM+2:20991204"
    )
    folders = ProjectFolders(partners_folder=partners)
    with hub("edifact_orders", database, tmp_path, folders=folders, batch_size=1) as at:
        at.drop(first + b"UNH+2+" + ahead, "ahead.edi")
        assert at.run().problems == []
        assert {row["number"]: row["findings"][0]["code"] for row in at.documents()} == {
            "BP-88002": "INTERCHANGE_HELD",
            "BP-88003": "PO_ISSUED_AHEAD",
        }
        assert at.rows("SELECT * FROM ledger.outbox") == []


def test_what_the_agreement_lowers_is_recorded_and_keeps_nothing_back(database: str, tmp_path: Path) -> None:
    partners = tmp_path / "partners"
    shutil.copytree(PROJECT / "partners", partners)
    with hub("edifact_orders", database, tmp_path, folders=ProjectFolders(partners_folder=partners)) as at:
        at.drop(EDIFACT / "12_bad_negative_quantity.edi")
        assert at.run().problems == []
        [bad] = at.documents()
        assert bad["state"] == "quarantined"
        [code] = {finding["code"] for finding in bad["findings"]}
    file = partners / f"{bad['agreement']}.yaml"
    text = file.read_text(encoding="utf-8")
    assert "severities:" not in text
    file.write_text(f"{text}\nseverities:\n  {code}: warning\n", encoding="utf-8")
    folders = ProjectFolders(partners_folder=partners)
    with hub("edifact_orders", database, tmp_path, folders=folders, endpoints=at.endpoints) as at:
        with transaction(at.ctx.ledger) as connection:
            documents.retry(connection, [bad["id"]], actor="buyer", reason="agreed")
        assert at.run().problems == []
        [good] = at.documents()
        assert good["state"] == "loaded"
        [noted] = [finding for finding in good["findings"] if finding["code"] == code]
        assert noted["severity"] == "warning"
        assert noted["place"]["segment"] == bad["findings"][0]["place"]["segment"]
        assert good["finding_count"] == len(good["findings"])


def test_test_interchanges_stay_out_of_targets_that_cannot_tell_them(database: str, tmp_path: Path) -> None:
    text = (EDIFACT / "01_good_single.edi").read_bytes().replace(b"+ACME0001'", b"+ACME0001++++++1'", 1)
    with hub("edifact_orders", database, tmp_path, targets=("warehouse", "tryton")) as at:
        at.drop(text, "test.edi")
        assert at.run().problems == []
        assert at.rows("SELECT target, state FROM ledger.outbox") == [
            {"target": "warehouse", "state": "done"}
        ]
        assert at.rows("SELECT environment FROM warehouse.purchase_order") == [{"environment": "test"}]
