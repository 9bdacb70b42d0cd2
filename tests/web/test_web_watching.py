"""Overview, flows and runs over a ledger with some weeks behind it, in and without a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_harness import PROJECT
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, text
from web_busy import Busy, busy
from web_seeding import Seeder, interchange, message, order, translated
from web_serving import by_cookie, serving

from orderhub.flows.registry import FlowRegistry
from orderhub.ledger import flow_state, statistics
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.partners.registry import PartnerRegistry
from orderhub.web.app import create_app
from orderhub.web.ports import WebSettings

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def flows_folder(tmp_path: Path) -> Path:
    """One flow of the project's, named like the busy one, and one broken file."""
    folder = tmp_path / "flows"
    folder.mkdir()
    given = (PROJECT / "flows" / "edifact_orders.yaml").read_text(encoding="utf-8")
    (folder / "acme_orders.yaml").write_text(
        given.replace("flow: edifact_orders", "flow: acme_orders\npartner: acme_retail"), encoding="utf-8"
    )
    (folder / "broken.yaml").write_text(
        "flow: broken\nowner: me\ntrigger: {cron: nonsense}\n", encoding="utf-8"
    )
    return folder


@pytest.fixture
def made(engine: Engine, archive: Archive) -> Busy:
    return busy(engine, archive)


@pytest.fixture
def app(engine: Engine, archive: Archive, flows_folder: Path):
    return create_app(
        engine=engine,
        archive=archive,
        current_user=by_cookie,
        settings=WebSettings(
            sign_in_url="/auth/login?next={next}",
            run_url="/dags/{dag}/runs/{run}",
            flow_url="/dags/{dag}",
            refresh_seconds=0.4,
        ),
        flows=FlowRegistry(flows_folder),
        partners=PartnerRegistry(PROJECT / "partners"),
    )


@pytest.fixture
def watching(app, made: Busy, page: Page) -> Iterator[tuple[Page, str]]:
    """Signed in at the overview."""
    with serving(app) as url:
        page.goto(f"{url}/orderhub/")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_load_state("load")
        yield page, f"{url}/orderhub"


def test_overview_flows_and_runs_say_what_the_ledger_holds(
    client, engine: Engine, made: Busy, flows_folder: Path
) -> None:
    with engine.connect() as connection:
        held = connection.execute(
            text(
                "SELECT count(*) FROM ledger.document WHERE state IN ('quarantined', 'conflict', 'rejected')"
            )
        ).scalar_one()
        total = connection.execute(text("SELECT count(*) FROM ledger.document")).scalar_one()
        first = statistics.oldest(connection, statistics.HELD_BACK)
        run = connection.execute(
            text("SELECT max(id) FROM ledger.run WHERE flow = 'acme_orders'")
        ).scalar_one()
    month = client.get("/?window=30d").text
    legend = re.findall(r'key band-\w+"></i>[^<]*<b>([\d,]+)</b>', month)
    assert sum(int(count) for count in legend) <= total
    assert f">{held}</a>" in month
    assert first is not None
    assert f'/documents/{first.id}" class="mono"' in month
    for title in ("ACME Retail GmbH", "Borealis Plant Oulu Oy", "Citrus Marketplace B.V."):
        assert title in month
    assert "/inbox?reason=quarantined~SUITE_VALUE" in month
    # whatever is drawn is in words too
    assert month.count('class="hit"') == 30
    assert '<th scope="row">' in month

    flows = client.get("/flows").text
    assert re.search(r"broken\.yaml:3:\d+", flows)
    assert "is not a cron expression" in flows
    assert flows.count('class="tick is-success') >= 24
    with transaction(engine) as connection:
        flow_state.pause(connection, "acme_orders", actor="anna")
    flow = client.get("/flows/acme_orders").text
    assert "Paused" in flow
    assert "when something is" not in flow
    assert "1 wait to be loaded" in re.sub(r"</?b>", "", flow)
    assert f'/runs/{run}"' in flow
    assert "There is no flow nothing" in client.get("/flows/nothing", headers={"accept": "text/html"}).text
    assert client.get("/flows/broken").status_code == 200

    named = client.get(f"/runs/{run}").text
    name = re.search(r"<h1><span class=\"mono\">([^<]+)", named)
    assert name is not None
    same = client.get("/runs", params={"flow": "acme_orders", "run": name.group(1)}).text
    assert f"run {run}" in same
    documents = re.findall(r'id="document-(\d+)"', named)
    assert documents
    found = client.get("/documents", params={"flow": "acme_orders", "run": name.group(1)}).text
    assert set(re.findall(r'<tr id="document-(\d+)"', found)) == set(documents)
    assert f'/runs/{run}"' in client.get(f"/documents/{documents[0]}").text
    unknown = client.get("/runs?flow=acme_orders&run=scheduled__2026-01-01T00:00:00 00:00").text
    assert "The ledger has not heard of this run yet" in unknown
    assert "scheduled__2026-01-01T00:00:00+00:00" in unknown
    assert client.get("/runs/999999").status_code == 404

    shutil.copy(PROJECT / "flows" / "csv_orders.yaml", flows_folder)
    (flows_folder / "broken.yaml").unlink()


def test_an_empty_hub_says_what_to_do(client) -> None:
    assert "Put a file into the folder that a flow watches" in client.get("/").text
    assert "It never ran" in client.get("/flows/acme_orders").text


def test_the_overview_follows_what_happens_without_a_flicker(
    watching: tuple[Page, str], engine: Engine, archive: Archive
) -> None:
    page, _ = watching
    figure = page.locator(".figures-strip .figure").first
    before = int(figure.inner_text())
    page.locator("#figures summary").click()
    expect(page.locator("#figures table")).to_be_visible()
    play = Seeder(engine, archive, flow="acme_orders", agreement="acme_retail")
    play.run_name = "arrival__now"
    made = order("AR-99999")
    play.receive("now.edi", interchange([message(made, "1")], "99"))
    play.judge(play.translate([translated(made)]))
    expect(figure).to_have_text(str(before + 1))
    # what was opened stays open, and the page where it was
    expect(page.locator("#figures table")).to_be_visible()
    column = page.locator(".column .hit").last
    column.hover()
    expect(page.locator(".tip")).to_contain_text("under way")
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(re.compile(r"\?window=7d$"))
    expect(page.locator(".column")).to_have_count(28)
    page.locator(".ranked a").first.click()
    expect(page).to_have_url(re.compile(r"/inbox\?reason="))


def test_from_a_flow_to_its_run_to_a_document_and_back(watching: tuple[Page, str]) -> None:
    page, _ = watching
    page.get_by_role("link", name="Flows").click()
    page.wait_for_load_state("load")
    page.keyboard.press("j")
    expect(page.locator("#open-flow-acme_orders")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("acme_orders")
    expect(page.locator(".stage")).to_have_count(5)
    expect(page.locator(".facts")).to_contain_text("ACME Retail GmbH")
    page.locator("tr[data-href] a.number").first.click()
    expect(page.locator(".moves")).to_contain_text("Translated")
    page.locator("tr[id^=document-] a.number").first.click()
    page.locator(".timeline a").first.click()
    expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    page.keyboard.press("Escape")
    expect(page.locator("h1")).to_contain_text("acme_orders")


@pytest.mark.parametrize("width", [360, 768, 1280, 2560])
def test_pages_fit_their_window(watching: tuple[Page, str], width: int) -> None:
    page, url = watching
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/", "/flows", "/flows/acme_orders", "/runs/1", "/documents", "/files"):
        page.goto(url + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        overflowing = page.evaluate(
            """[...document.querySelectorAll(".grid table, .card, .pipeline, .figures-strip")]
               .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).length"""
        )
        assert overflowing == 0, path
