"""The page of the rules and the data docs behind it, in a real browser over what real flows made."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_harness import PROJECT, hub
from playwright.sync_api import Browser, expect
from web_serving import SESSION, by_cookie, complaints, serving

from orderhub.validate.data_docs import build
from orderhub.web.app import create_app

pytestmark = pytest.mark.integration

SAMPLES = PROJECT / "samples" / "inbox" / "edifact_orders"
#: The order of the sample that breaks the rule.
BROKEN = "PO-2026-1022"
SUITES = PROJECT / "schemas" / "expectations"


def test_rules_lead_to_what_broke_them_and_to_the_data_docs(
    database: str, tmp_path: Path, browser: Browser
) -> None:
    site = tmp_path / "docs"
    with hub("edifact_orders", database, tmp_path) as at:
        for name in ("02_good_three_messages.edi", "12_bad_negative_quantity.edi"):
            at.drop(SAMPLES / name)
        at.run()
        build(at.ctx.ledger, SUITES, site)
        app = create_app(
            engine=at.ctx.ledger,
            archive=at.ctx.archive,
            current_user=by_cookie,
            suites=SUITES,
            data_docs=site,
        )
        with serving(app) as address:
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.add_cookies([{"name": SESSION, "value": "viewer", "url": address}])
            page = context.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.goto(f"{address}/orderhub/quality")
            first = page.locator("section.suite").first.locator("tbody tr").first
            expect(first).to_contain_text("PO_LINE_QUANTITY")
            first.locator("a").click()
            expect(page.locator("main")).to_contain_text(BROKEN)
            page.go_back()
            expect(page.locator("tr.held").first).to_be_visible()
            page.get_by_role("link", name="90 days").click()
            expect(page.locator("#window-90d")).to_have_attribute("aria-current", "true")
            page.locator("header.page-head").get_by_role("link", name="Data docs").click()
            expect(page.locator("h1")).to_have_text("Data docs")
            page.get_by_role("link", name="1", exact=True).click()
            expect(page.locator("h1")).to_contain_text("Validation 1")
            expect(page.locator("main")).to_contain_text("unexpected values found")
            assert page.evaluate("getComputedStyle(document.body).margin") == "0px", "its style is refused"
            assert complaints(said) == []
            for name in ("..%2F..%2Fsecrets.json", "validation_99.html", ".part", "index.html%00"):
                answer = page.request.get(f"{address}/orderhub/quality/docs/{name}")
                assert answer.status == 404, name
            page.goto(f"{address}/orderhub/quality?lang=zh-CN")
            expect(page.locator("h1")).to_have_text("质量")
            context.close()
            stranger = browser.new_context()
            for path in ("quality", "quality/docs/index.html"):
                answer = stranger.request.get(
                    f"{address}/orderhub/{path}", headers={"accept": "application/json"}
                )
                assert answer.status == 401, path
            stranger.close()
