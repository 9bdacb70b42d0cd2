"""One document in a real browser: every value beside the bytes that it came from."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from web_serving import Real

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def at(page: Page, real: Real):
    """Opens a document by its number."""

    def opened(number: str) -> Page:
        page.goto(f"{real.url}/orderhub/documents/{real.document(number)}")
        if page.get_by_role("button", name="Sign in").count():
            page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(number)
        page.wait_for_load_state("load")
        return page

    return opened


def expect_lit(page: Page, side: str, *texts: str) -> None:
    """These texts of one side are shown as those that belong together, and no others."""
    expect(page.locator(f".source.{side} .from-here")).to_have_text(list(texts))


def test_pointing_at_either_side_shows_the_other_and_the_way_between(at) -> None:
    page = at("PO-2026-1001")
    page.locator(".json [data-trace]", has_text="2026-11-20").hover()
    expect_lit(page, "is-segments", "20261120", "102")
    expect(page.locator("#origin")).to_contain_text("issued_on")
    expect(page.locator("#origin")).to_contain_text("date(DTM[137]/C507/2379)")
    expect(page.locator("#origin .made")).to_have_text("2026-11-20")
    page.locator(".is-segments [data-trace]", has_text="Nordwerk Schrauben GmbH").hover()
    expect_lit(page, "json", '"Nordwerk Schrauben GmbH"')
    page.get_by_role("heading", level=1).hover()
    expect(page.locator(".from-here")).to_have_count(0)


def test_values_by_keyboard(at) -> None:
    page = at("PO-2026-1001")
    page.keyboard.press("t")
    expect_lit(page, "json", '"PO-2026-1001"')
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect_lit(page, "json", '"EUR"')
    page.keyboard.press("Enter")
    focused = page.locator(".is-segments :focus")
    expect(focused).to_have_text("EUR")
    page.keyboard.press("Escape")
    expect(page.locator(".from-here")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("From a value to its source and back")


def test_a_finding_and_the_origin_of_its_value_are_shown_together(at) -> None:
    page = at("PO-2026-1022")
    expect(page.locator(".is-segments mark", has_text="-25")).to_be_visible()
    page.locator(".json mark", has_text="-25").hover()
    expect_lit(page, "is-segments", "-25")
    expect(page.locator("#origin")).to_contain_text(re.compile(r"lines\[\d\]\.quantity"))


def test_a_page_without_a_tracer_still_shows_both_sides(client, seeded) -> None:
    html = client.get(f"/documents/{seeded.documents['loaded']}").text
    assert "data-trace" not in html
    assert "Canonical form" in html
