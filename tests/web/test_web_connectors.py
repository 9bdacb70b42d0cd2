"""The page of connectors: what flows use, what each said when it was asked, and the button that asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hub_harness import Hub, hub
from playwright.sync_api import Browser, expect
from web_serving import SESSION, by_cookie, complaints, serving

from orderhub.errors import ServiceError
from orderhub.flows.health import CheckResult, ConnectorUse, check_uses, recall, remember, uses_of
from orderhub.flows.registry import FlowRegistry
from orderhub.web.app import create_app
from orderhub.web.ports import WebSettings

pytestmark = pytest.mark.integration

FLOW = """\
flow: {name}
owner: procurement
trigger: {{arrival: true}}
pull: {{connector: folder, settings: {{path: {path}, stable_seconds: 0.1}}}}
load: [{{connector: warehouse}}]
{more}
"""


class Here:
    """A checker in this process, with the hub's own connectors and cache."""

    def __init__(self, at: Hub, flows: FlowRegistry) -> None:
        self.at = at
        self.flows = flows
        self.memory: dict[str, bytes] = {}
        self.broken = False

    def get(self, key: str) -> bytes | None:
        return self.memory.get(key)

    def put(self, key: str, value: bytes, seconds: int) -> None:
        self.memory[key] = value

    def last(self, use: ConnectorUse) -> CheckResult | None:
        return recall(self, use)

    def check(self, flows: Sequence[str], use: str | None) -> list[CheckResult]:
        if self.broken:
            raise ServiceError("The connectors could not be asked: <no hub>.", todo="Start it.")
        uses = [
            one for flow in self.flows.flows() for one in uses_of(flow) if not flows or flow.name in flows
        ]
        results = check_uses(self.at.ctx, [one for one in uses if use is None or one.use == use])
        for result in results:
            remember(self, result)
        return results


def test_flows_say_how_the_place_they_pull_from_does_and_how_often_it_is_asked(
    pages: tuple[str, Here, Path], browser: Browser
) -> None:
    address, checker, _ = pages
    flows = checker.flows.folder
    asked = FLOW.format(name="asked_orders", path="x", more="").replace(
        "folder, settings: {path: x, stable_seconds: 0.1}",
        "sftp, stream: orders, settings: {connection: acme_sftp, path: /out, poll_seconds: 45}",
    )
    (flows / "asked_orders.yaml").write_text(asked, encoding="utf-8")
    said = CheckResult(
        flow="asked_orders", use="pull", connector="sftp", ok=False, sentence="The server <x> is away."
    )
    remember(checker, said)
    context = browser.new_context()
    context.add_cookies([{"name": SESSION, "value": "viewer", "url": address}])
    page = context.new_page()
    page.goto(f"{address}/flows")
    sign = page.locator("#flow-asked_orders .way [title]")
    expect(sign).to_have_attribute("title", "The server <x> is away.")
    expect(page.locator("#flow-good_orders .way [title]")).to_have_count(0)
    page.goto(f"{address}/flows/asked_orders")
    source = page.locator(".source-state")
    for word in ("Does not work", "The server <x> is away.", "asked every 45 s"):
        expect(source).to_contain_text(word)
    expect(page.locator(".facts")).to_contain_text("acme_sftp")
    # what was found out later appears by itself
    remember(
        checker,
        CheckResult(flow="asked_orders", use="pull", connector="sftp", ok=True, sentence="It answers."),
    )
    expect(source).to_contain_text("It answers.")
    page.goto(f"{address}/flows/lost_orders")
    expect(source).to_contain_text("Not checked yet")
    expect(source).not_to_contain_text("asked every")
    context.close()


@pytest.fixture
def pages(database: str, tmp_path: Path) -> Iterator[tuple[str, Here, Path]]:
    """Address, checker, and the folder that is missing."""
    flows = tmp_path / "own_flows"
    flows.mkdir()
    (tmp_path / "there").mkdir()
    missing = tmp_path / "not <there>"
    (flows / "good_orders.yaml").write_text(
        FLOW.format(name="good_orders", path=tmp_path / "there", more=""), encoding="utf-8"
    )
    (flows / "lost_orders.yaml").write_text(
        FLOW.format(name="lost_orders", path=missing, more="paused: true"), encoding="utf-8"
    )
    with hub("edifact_orders", database, tmp_path) as at:
        registry = FlowRegistry(flows)
        checker = Here(at, registry)
        app = create_app(
            engine=at.ctx.ledger,
            archive=at.ctx.archive,
            current_user=by_cookie,
            flows=registry,
            checker=checker,
            settings=WebSettings(refresh_seconds=0.3),
        )
        with serving(app) as address:
            yield f"{address}/orderhub", checker, missing


def test_every_use_has_its_health_in_a_sentence_and_a_button_that_asks_now(
    pages: tuple[str, Here, Path], browser: Browser, tmp_path: Path
) -> None:
    address, checker, missing = pages
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": SESSION, "value": "operator", "url": address}])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{address}/connectors")
    expect(page.locator(".tab[aria-current]")).to_have_text("Connectors")
    expect(page.locator("#connector-folder")).to_be_visible()
    expect(page.locator(".unused-connectors")).to_contain_text("tryton")
    row = page.locator("#use-lost_orders-pull")
    expect(row).to_contain_text("Not checked yet")
    expect(row).to_contain_text("Paused")

    row.get_by_role("button", name="Check").click()
    expect(row).to_contain_text("Does not work")
    expect(row.locator(".says")).to_contain_text("not <there>")
    expect(row.locator("time")).to_have_count(1)
    expect(page.locator("#use-good_orders-pull")).to_contain_text("Not checked yet")

    missing.mkdir()
    page.get_by_role("button", name="Check all").click()
    expect(row).to_contain_text("Works")
    expect(page.locator("#use-good_orders-load-warehouse")).to_contain_text("Works")
    expect(page.locator("[data-state=unknown]")).to_have_count(0)

    # what others find out appears by itself
    remember(
        checker,
        CheckResult(
            flow="good_orders", use="pull", connector="folder", ok=False, sentence="The disk is gone."
        ),
    )
    expect(page.locator("#use-good_orders-pull")).to_contain_text("The disk is gone.")

    checker.broken = True
    page.get_by_role("button", name="Check all").click()
    expect(page.get_by_role("alert")).to_contain_text("<no hub>")
    checker.broken = False
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.evaluate("theme => { document.documentElement.className = theme }", theme)
        shown = page.screenshot(path=tmp_path / f"connectors-{theme}.png", full_page=True)
        assert len(shown) > 20_000
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{address}/connectors?lang=zh-CN")
    expect(page.locator("h1")).to_have_text("连接器")
    expect(page.locator("#use-lost_orders-pull")).to_contain_text("正常")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} px too wide for a telephone"
    page.screenshot(path=tmp_path / "connectors-phone.png", full_page=True)
    assert complaints(said) == []
    context.close()


def test_only_who_may_act_asks_and_the_api_tells_the_same(
    pages: tuple[str, Here, Path], browser: Browser
) -> None:
    address, _, _ = pages
    viewer = browser.new_context()
    viewer.add_cookies([{"name": SESSION, "value": "viewer", "url": address}])
    page = viewer.new_page()
    page.goto(f"{address}/connectors")
    expect(page.locator("#use-lost_orders-pull")).to_be_visible()
    assert page.get_by_role("button", name="Check").count() == 0
    own = {"origin": address.removesuffix("/orderhub"), "accept": "application/json"}
    for path in ("connectors/check", "api/v1/connectors/check"):
        refused = viewer.request.post(f"{address}/{path}", data={"flow": ""}, headers=own)
        assert refused.status == 403, path
    viewer.close()

    operator = browser.new_context()
    operator.add_cookies([{"name": SESSION, "value": "operator", "url": address}])
    asked = operator.request.post(
        f"{address}/api/v1/connectors/check", data={"flow": "lost_orders", "use": "pull"}, headers=own
    )
    assert asked.status == 200, asked.text()
    [result] = asked.json()
    assert (result["flow"], result["use"], result["ok"]) == ("lost_orders", "pull", False)
    told = operator.request.get(f"{address}/api/v1/connectors").json()
    folder = next(one for one in told if one["connector"] == "folder")
    assert result in folder["uses"]
    assert next(one for one in told if one["connector"] == "tryton")["uses"] == []
    unknown = operator.request.post(
        f"{address}/api/v1/connectors/check", data={"flow": "no_such_flow"}, headers=own
    )
    assert unknown.status == 404
    operator.close()
