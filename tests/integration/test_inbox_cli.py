"""``orderhub inbox`` on a real ledger: what people read and what programs read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import Result
from inbox_support import something_of_everything
from ledger_support import ids, rows, states
from sqlalchemy import Engine
from typer.testing import CliRunner

from orderhub.cli import hub
from orderhub.cli.app import app
from orderhub.errors import HubError
from orderhub.services import endpoints

pytestmark = pytest.mark.integration

Run = Callable[..., Result]


@pytest.fixture
def run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on the test's ledger; what it raises comes out of it."""

    @contextmanager
    def ledger() -> Iterator[Engine]:
        yield engine

    class NoValkey:
        valkey_url = ""

    monkeypatch.setattr(hub, "ledger", ledger)
    monkeypatch.setattr(endpoints, "load", lambda: NoValkey)
    monkeypatch.setattr(hub, "actor", lambda: "cli:anna")

    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, ["inbox", *arguments])
        if isinstance(result.exception, HubError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    something_of_everything(engine)
    return run


def as_json(result: Result) -> Any:
    return json.loads(result.stdout)


def case_of(run: Run, number: str) -> str:
    return str(next(one["id"] for one in as_json(run("list", "--json"))["cases"] if one["number"] == number))


def test_the_list_says_why_and_how_long_and_whose(run: Run) -> None:
    shown = run("list").stdout
    assert "Unknown in the lookup table" in shown
    assert "KTN" in shown
    assert "quarantined~VALUE_LOOKUP~lines[].unit~KTN" in shown
    assert "Other content under a number that is known" in shown
    assert "11 of 11 cases" in shown
    assert "just now" in shown
    answer = as_json(run("list", "--json", "--state", "quarantined", "--limit", "2"))
    assert (answer["total"], len(answer["cases"])) == (4, 2)
    assert answer["groups"][0]["count"] == 2
    assert as_json(run("list", "--json", "--flow", "other"))["total"] == 0
    assert "Nothing is kept back" in run("list", "--partner", "nobody").stdout
    with pytest.raises(HubError, match="no state of the inbox"):
        run("list", "--state", "lost")
    with pytest.raises(HubError, match="no reason"):
        run("list", "--reason-is", "x")


def test_one_case(run: Run) -> None:
    case = case_of(run, "U-1")
    run("note", case, "asked what KTN is")
    shown = run("show", case).stdout
    for part in (
        "U-1",
        "'KTN' is not in the lookup table",
        "QTY (segment 9)",
        "edifact_orders v3",
        "asked what KTN is",
    ):
        assert part in shown, part
    assert as_json(run("show", case, "--json"))["findings"][0]["value"] == "KTN"
    with pytest.raises(HubError, match="There is no case"):
        run("show", "999999")


def test_take_retry_discard_restore(run: Run, engine: Engine) -> None:
    one, two = case_of(run, "U-1"), case_of(run, "U-2")
    assert "2 cases now of cli:anna" in run("take", one, two, one).stdout
    assert as_json(run("list", "--mine", "--json"))["total"] == 2
    run("release", two)
    assert as_json(run("list", "--owner", "cli:anna", "--json"))["total"] == 1
    run("take", one, "--for", "bo")
    assert as_json(run("list", "--owner", "bo", "--json"))["total"] == 1

    reason = "quarantined~VALUE_LOOKUP~lines[].unit~KTN"
    assert "2 cases tried again" in run("retry", "--reason-is", reason, "-r", "KTN added").stdout
    assert states(engine)["U-1"] == states(engine)["U-2"] == ["retrying"]
    # gone from the inbox: nothing is done twice
    assert "passed over" in run("retry", one, code=1).stdout
    with pytest.raises(HubError, match="Name cases"):
        run("retry")
    with pytest.raises(HubError, match="Name cases"):
        run("retry", one, "--flow", "acme_orders")

    rule = case_of(run, "R-1")
    assert run("discard", rule, code=2).stderr
    with pytest.raises(HubError, match="only with a reason"):
        run("discard", rule, "--reason", " ")
    run("discard", rule, "--reason", "a test of the partner")
    assert states(engine)["R-1"] == ["discarded"]
    assert as_json(run("list", "--discarded", "--json"))["cases"][0]["number"] == "R-1"
    assert as_json(run("restore", rule, "--json"))["cases"] == [int(rule)]
    assert states(engine)["R-1"] == ["quarantined"]


def test_unknown_senders_and_the_lines_for_an_agreement(run: Run, engine: Engine) -> None:
    assert "4299999009999" in run("senders").stdout
    assert as_json(run("senders", "--json"))[0]["files"] == 1
    lines = run("sender", "4299999009999", "--suggest").stdout
    assert '  - {format: edifact, id: "4299999009999", qualifier: "14"}' in lines
    assert "tried" not in run("sender", "4299999009999").stdout
    run("sender", "4299999009999", "--retry")
    assert (
        rows(engine, "SELECT state FROM ledger.interchange WHERE name = 'stranger.edi'")[0][0] == "received"
    )
    with pytest.raises(HubError, match="No file of a sender"):
        run("sender", "4299999009999")


def test_in_doubt(run: Run, engine: Engine) -> None:
    case = case_of(run, "D-1")
    assert "attempts: 1" in run("show", case).stdout
    with pytest.raises(HubError, match="whether the target has it"):
        run("resolve", case, "-r", "x")
    with pytest.raises(HubError, match="whether the target has it"):
        run("resolve", case, "-r", "x", "--there", "PO1", "--not-there")
    run("resolve", case, "-r", "seen in the warehouse", "--there", "PO00017")
    assert states(engine)["D-1"] == ["loaded"]
    assert rows(
        engine, "SELECT reference FROM ledger.outbox WHERE document_id = :id", id=ids(engine, ["D-1"])[0]
    )[0] == ("PO00017",)
