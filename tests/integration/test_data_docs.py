"""The data docs of what was validated: built by Great Expectations, standing on their own."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from hub_harness import PROJECT, Hub, hub

from orderhub.connector import LoadItem
from orderhub.documents import Item, PurchaseOrder, canonical_bytes, from_canonical
from orderhub.ledger import validations
from orderhub.ledger.engine import transaction
from orderhub.mapping.sessions import open_session
from orderhub.validate.data_docs import PAGE, build
from orderhub.warehouse.load import load_items

pytestmark = pytest.mark.integration

SAMPLES = PROJECT / "samples" / "inbox" / "edifact_orders"
SUITES = PROJECT / "schemas" / "expectations"


def test_a_validation_is_counted_by_rule_and_shown_in_the_site(database: str, tmp_path: Path) -> None:
    site = tmp_path / "docs"
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(SAMPLES / "02_good_three_messages.edi")
        # a unit is a code of the table; the quantity is the suite's affair
        at.drop(SAMPLES / "12_bad_negative_quantity.edi")
        at.run()
        with transaction(at.ctx.ledger) as connection:
            [row] = validations.latest(connection)
            figures = {
                f.rule: f for f in validations.figures(connection, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
            }
        assert (row.suite, row.documents, row.failed) == ("purchase_order_core", 4, 1)
        quantity = figures["PO_LINE_QUANTITY"]
        assert (quantity.unexpected, quantity.validations) == (1, 1)
        assert quantity.evaluated > 4
        assert figures["PO_NUMBER"].unexpected == 0

        written = build(at.ctx.ledger, SUITES, site)
        assert {f"validation_{row.id}.html", "index.html", "suite_purchase_order_core.html"} <= set(written)
        assert {path.name for path in site.iterdir()} == {*written, "data_docs.css"}
        assert all(PAGE.fullmatch(path.name) for path in site.iterdir())
        page = (site / f"validation_{row.id}.html").read_text(encoding="utf-8")
        assert "1 unexpected values found" in page
        assert "edifact_orders" in page
        for path in site.glob("*.html"):
            text = path.read_text(encoding="utf-8")
            assert not re.findall(r"https?://", text), path.name
            assert "<script" not in text
            assert " style=" not in text

        again = build(at.ctx.ledger, SUITES, site)
        assert f"validation_{row.id}.html" not in again, "a page is written once"


def test_a_price_far_from_the_list_price_is_a_warning_and_holds_nothing_back(
    database: str, tmp_path: Path
) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        order = from_canonical("purchase_order", translated(SAMPLES / "01_good_single.edi", at))
        assert isinstance(order, PurchaseOrder)
        first = order.lines[0]
        assert first.price is not None
        item = Item(
            number=first.item.buyer_code or "listed",
            name="listed",
            unit=first.unit,
            gtin=first.item.gtin,
            price=first.price * 2,
            currency=order.currency,
        )
        with transaction(at.ctx.warehouse) as connection:
            load_items(
                connection,
                [LoadItem(key="k", identity="i", document=item, company="default", source=1, load=1)],
            )
        at.run()
        [document] = at.documents()
        assert document["state"] == "loaded"
        assert [f["code"] for f in document["findings"]] == ["PO_LINE_PRICE_TOLERANCE"]
        [finding] = document["findings"]
        assert finding["severity"] == "warning"
        assert finding["place"]["segment"] == "PRI"


def translated(file: Path, at: Hub) -> bytes:
    """The canonical order of a file that is now in the flow's folder."""
    at.drop(file)
    mapping = at.ctx.mappings.get(at.flow.translate.mapping or "")
    [tree] = open_session(at.ctx.mappings, file, name=file.name, mapping=mapping)
    document = mapping.run(tree).document
    assert document is not None
    return canonical_bytes(document)


def test_a_partners_text_stays_text(database: str, tmp_path: Path) -> None:
    site = tmp_path / "docs"
    with hub("csv_orders", database, tmp_path) as at:
        with transaction(at.ctx.ledger) as connection:
            validations.record(
                connection,
                batch=1,
                flow="csv_orders",
                run=None,
                suite="purchase_order_core",
                suite_hash="0" * 64,
                documents=1,
                failed=1,
                rules=[validations.RuleCount("PO_CURRENCY", 1, 1)],
                results={"orders": failed("<img src=x onerror=alert(1)>\x00")},
            )
        build(at.ctx.ledger, SUITES, site)
        [page] = site.glob("validation_*.html")
        text = page.read_text(encoding="utf-8")
        assert "&lt;img src=x" in text
        assert "<img" not in text


def test_old_validations_are_forgotten_and_so_are_their_pages(database: str, tmp_path: Path) -> None:
    site = tmp_path / "docs"
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(SAMPLES / "01_good_single.edi")
        at.run()
        build(at.ctx.ledger, SUITES, site)
        assert list(site.glob("validation_*.html"))
        with transaction(at.ctx.ledger) as connection:
            assert validations.forget(connection, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)) == 1
        build(at.ctx.ledger, SUITES, site)
        assert not list(site.glob("validation_*.html"))
        assert "No batch has been validated yet." in (site / "index.html").read_text(encoding="utf-8")


def failed(value: str) -> dict[str, object]:
    """A result as Great Expectations gives it, with one broken value."""
    return {
        "success": False,
        "suite_name": "purchase_order_core_orders",
        "statistics": {
            "evaluated_expectations": 1,
            "successful_expectations": 0,
            "unsuccessful_expectations": 1,
            "success_percent": 0.0,
        },
        "meta": {},
        "results": [
            {
                "success": False,
                "expectation_config": {
                    "type": "expect_column_values_to_be_in_set",
                    "kwargs": {"column": "currency", "value_set": ["EUR"]},
                    "meta": {"rule": "PO_CURRENCY"},
                },
                "result": {
                    "element_count": 1,
                    "unexpected_count": 1,
                    "unexpected_percent": 100.0,
                    "partial_unexpected_list": [value],
                    "missing_count": 0,
                },
                "meta": {},
                "exception_info": {"raised_exception": False},
            }
        ],
    }
