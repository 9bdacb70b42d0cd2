"""Lists as files for spreadsheets: all that a search finds, in its order, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hub_harness import Hub
from hub_harness import hub as hub_at
from playwright.sync_api import Page
from sqlalchemy import Engine, text
from typer.testing import CliRunner
from web_seeding import Seeded
from web_serving import real_app

from orderhub.cli import hub
from orderhub.cli.app import app as command_line
from orderhub.ledger import export

pytestmark = pytest.mark.integration

#: What a partner may write: a number, names, a description and a unit that are formulas, in a file whose name is one.
NUMBER, BUYER, SUPPLIER, DESCRIPTION, UNIT = "=1+1", "@SUM(1+9)", "+cmd|x!A0", "-2+3+cmd|x!A0", "=7"
FILE = "=HYPERLINK(1).edi"
SIGNS = tuple("=+-@\t\r\n＝＋－＠")

ORDER = """UNH+{reference}+ORDERS:D:96A:UN:EAN008'
BGM+220+{number}+9'
DTM+137:20261120:102'
DTM+2:20261204:102'
NAD+BY+4299999001006::9++{buyer}'
NAD+SU+4019999010002::9++{supplier}'
NAD+DP+4299999005004::9'
CUX+2:EUR:9'
LIN+1++4019999011016:EN'
IMD+F++:::{description}'
QTY+21:{quantity}:{unit}'
MOA+203:120.00'
PRI+AAA:0.1200'
UNS+S'
MOA+86:120.00'
CNT+2:1'
UNT+17+{reference}'
"""


def released(value: str) -> str:
    """A value as EDIFACT writes it."""
    return "".join(f"?{character}" if character in "+:'?" else character for character in value)


def hostile_file() -> bytes:
    values = {"buyer": BUYER, "supplier": SUPPLIER, "description": DESCRIPTION, "quantity": "1000"}
    written = {name: released(value) for name, value in values.items()}
    good = ORDER.format(reference=1, number=released(NUMBER), unit="PCE", **written)
    bad = ORDER.format(reference=2, number=released(NUMBER + "+2"), unit=released(UNIT), **written)
    return (f"UNB+UNOC:3+4299999001006:14+4299999000009:14+261120:0830+X1'\n{good}{bad}UNZ+2+X1'\n").encode(
        "latin-1"
    )


@pytest.fixture
def hostile(database: str, tmp_path: Path) -> Iterator[Hub]:
    """A flow that took the hostile file: one order is good, one is kept back for its unit."""
    with hub_at("edifact_orders", database, tmp_path) as edifact:
        edifact.drop(hostile_file(), FILE)
        edifact.run()
        assert [(row["number"], row["state"]) for row in edifact.documents()] == [
            (NUMBER, "loaded"),
            (NUMBER + "+2", "quarantined"),
        ]
        yield edifact


@pytest.fixture
def command(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command line on the test's database."""

    @contextmanager
    def ledger() -> Iterator[Engine]:
        yield engine

    monkeypatch.setattr(hub, "ledger", ledger)
    return CliRunner()


def rows_of(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def assert_harmless(data: bytes, *, delimiter: str = ",") -> None:
    """No cell begins as a formula does, whatever a spreadsheet takes for the separator."""
    shown = data.decode("utf-8-sig")
    for row in csv.reader(io.StringIO(shown, newline=""), delimiter=delimiter):
        for cell in row:
            number = cell.replace(",", ".").removeprefix("-").replace(".", "", 1).isdigit()
            assert number or not cell.lstrip().startswith(SIGNS), cell
    for other in {",", ";", "\t"} - {delimiter}:
        for cell in shown.replace("\r\n", other).split(other):
            assert not cell.strip(' "').startswith(SIGNS), cell


def test_formulas_in_an_edi_file_are_harmless_in_every_file_that_is_downloaded(
    client: Any, hostile: Hub, engine: Engine, command: CliRunner, tmp_path: Path
) -> None:
    client = type(client)(real_app(hostile, engine))
    answers = {name: client.get(f"/{name}.csv") for name in ("documents", "inbox", "files")}
    for name, answer in answers.items():
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{name}-20')
        assert_harmless(answer.content)

    kept_back, loaded = rows_of(answers["documents"].content)
    assert (loaded["number"], loaded["buyer"], loaded["supplier"]) == (
        f"'{NUMBER}",
        f"'{BUYER}",
        f"'{SUPPLIER}",
    )
    assert (kept_back["state"], kept_back["value"], kept_back["file"]) == (
        "quarantined",
        f"'{UNIT}",
        f"'{FILE}",
    )
    [case] = rows_of(answers["inbox"].content)
    assert (case["number"], case["value"], case["file"]) == (f"'{NUMBER}+2", f"'{UNIT}", f"'{FILE}")
    [file] = rows_of(answers["files"].content)
    assert (file["name"], file["documents"]) == (f"'{FILE}", "2")

    done = command.invoke(command_line, ["document", "find", "--csv", "-"])
    assert done.exit_code == 0, done.output
    assert done.stdout_bytes == answers["documents"].content

    payload = tmp_path / "payload.csv"
    arguments = ["--mapping", "purchase_order__csv_lines", "-o", str(payload)]
    done = command.invoke(command_line, ["document", "write", loaded["id"], *arguments])
    assert done.exit_code == 0, done.output
    assert_harmless(payload.read_bytes(), delimiter=";")
    assert f"'{DESCRIPTION}" in payload.read_text(encoding="utf-8-sig")


def test_a_file_holds_all_that_the_search_finds_in_its_order(
    client: Any, seeded: Seeded, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CHUNK", 3)
    every = rows_of(client.get("/documents.csv?sort=number").content)
    assert len(every) > 6
    assert [row["number"] for row in every] == sorted(row["number"] for row in every)
    quarantined = rows_of(client.get("/documents.csv?state=quarantined&after=nonsense").content)
    assert {row["state"] for row in quarantined} == {"quarantined"}
    assert 0 < len(quarantined) < len(every)
    some = rows_of(client.get(f"/documents.csv?q={quarantined[0]['number']}").content)
    assert quarantined[0]["id"] in {row["id"] for row in some}
    assert rows_of(client.get("/documents.csv?q=there+is+none").content) == []

    with engine.connect() as connection:
        files = connection.execute(text("SELECT count(*) FROM ledger.interchange")).scalar_one()
        cases = connection.execute(text("SELECT count(*) FROM ledger.inbox_case WHERE open")).scalar_one()
    assert len(rows_of(client.get("/files.csv").content)) == files
    inbox = rows_of(client.get("/inbox.csv?size=50").content)
    assert len(inbox) == cases
    assert [row["since"] for row in inbox] == sorted(row["since"] for row in inbox)
    assert rows_of(client.get("/inbox.csv?view=discarded").content) == []


def test_who_may_not_read_gets_no_file(client: Any, seeded: Seeded) -> None:
    for address in ("/documents.csv", "/inbox.csv", "/files.csv"):
        assert client.get(address, as_=None).status_code == 401
        assert client.get(address, as_="nobody").status_code == 403
        assert client.get(address, as_="viewer").status_code == 200


def test_a_command_writes_all_documents_into_a_file(
    client: Any, seeded: Seeded, command: CliRunner, tmp_path: Path
) -> None:
    path = tmp_path / "all.csv"
    done = command.invoke(command_line, ["document", "find", "--csv", str(path), "--json"])
    assert done.exit_code == 0, done.output
    assert f'"documents":{len(rows_of(path.read_bytes()))}' in done.output
    assert path.read_bytes() == client.get("/documents.csv").content
    assert list(tmp_path.glob("*.part")) == []
    done = command.invoke(command_line, ["document", "find", "--csv", str(tmp_path / "no" / "all.csv")])
    assert "cannot be written" in str(done.exception)
    done = command.invoke(command_line, ["document", "find", "--csv", "-", "--json"])
    assert "standard output" in str(done.exception)


def test_the_link_below_a_list_downloads_what_the_list_shows(served: object, page: Page) -> None:
    url = served.url  # type: ignore[attr-defined]  # the fixture's own type stands in conftest
    page.goto(f"{url}/auth/login")
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{url}/around")
    frame = page.frame_locator("iframe")
    frame.locator("#state-quarantined").check(force=True)
    frame.locator("#clear").wait_for()
    shown = frame.locator("tbody a.number").all_inner_texts()
    for address, many in (("documents", len(shown)), ("inbox", None)):
        with page.expect_download() as downloading:
            frame.get_by_role("link", name="Download CSV").click()
        assert downloading.value.suggested_filename.startswith(f"{address}-20")
        rows = rows_of(Path(downloading.value.path()).read_bytes())
        assert rows
        assert many is None or [row["number"] or "no number" for row in rows] == shown
        if address == "documents":
            frame.get_by_role("navigation", name="Pages", exact=True).get_by_role(
                "link", name="Inbox"
            ).click()
            frame.locator(".cases").wait_for()
