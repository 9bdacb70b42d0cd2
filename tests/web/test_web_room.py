"""Long values and narrow places: nothing widens a page, and nothing lies under something else."""

from __future__ import annotations

import pytest
from inbox_seeding import seed_inbox
from playwright.sync_api import Page, expect
from sqlalchemy import Engine
from web_seeding import Seeder, interchange, message, order, translated
from web_serving import SESSION

from orderhub.ledger.archive import Archive

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def signed_in(page: Page, served) -> Page:
    page.context.add_cookies([{"name": SESSION, "value": "operator", "url": served.url}])
    return page


def test_long_numbers_and_names_widen_no_page(
    signed_in: Page, served, engine: Engine, archive: Archive
) -> None:
    page = signed_in
    long = order("PO-" + "9" * 90, supplier="Vereinigte Schraubenwerke und Befestigungstechnik " * 3)
    play = Seeder(engine, archive)
    play.receive("a_file_with_a_long_name_" * 6 + ".edi", interchange([message(long, "1")], "10"))
    [made] = play.translate([translated(long)])
    play.judge([made])
    play.load()
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for path in ("", "inbox", "documents", "files", f"documents/{made}"):
            page.goto(f"{served.url}/orderhub/{path}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, path)
    page.goto(f"{served.url}/orderhub/documents")
    expect(page.locator(f"#open-document-{made}")).to_have_attribute("title", long.number)


def test_the_cases_end_where_the_open_one_begins(
    signed_in: Page, served, engine: Engine, archive: Archive
) -> None:
    page = signed_in
    case = seed_inbox(engine, archive).cases["ACME-20001"]
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{served.url}/orderhub/inbox")
    page.locator(f"#open-{case}").click()
    expect(page.locator("#panel")).to_contain_text("ACME-20001")
    edges = page.evaluate(
        "['.cases table', '#panel'].map((each) => document.querySelector(each).getBoundingClientRect())"
        ".map((box) => [box.left, box.right])"
    )
    (_, end), (begin, _) = edges
    assert end <= begin
