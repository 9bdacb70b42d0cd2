"""Technical answers through the real stages: who is answered, what is stored, sent and resent."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from sqlalchemy import Engine
from typer.testing import CliRunner

from orderhub.acknowledge import make_answer
from orderhub.cli.app import app
from orderhub.errors import LedgerError
from orderhub.formats.edifact.reader import EdifactReader
from orderhub.ledger import backlog, replies, translations
from orderhub.ledger.engine import transaction
from orderhub.stage import AcknowledgeResult, AcknowledgeStep, HubContext, RunResult

pytestmark = pytest.mark.integration

SAMPLES = PROJECT / "samples" / "inbox" / "edifact_orders"
GOOD = (SAMPLES / "01_good_single.edi").read_bytes()


def outbox(at: Hub) -> dict[str, bytes]:
    """What lies in the partners' folders, by ``partner/name``."""
    folder = at.endpoints.inbox_folder.parent / "outbox"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def answers(at: Hub) -> list[dict[str, object]]:
    return at.rows(
        """
        SELECT r.number, r.verdict, r.environment, r.agreement, r.content, i.name AS file, s.state, s.cause, s.ordinal,
            s.code, s.attempts, s.name
        FROM ledger.reply AS r JOIN ledger.interchange AS i ON i.id = r.interchange_id
        JOIN ledger.reply_sending AS s ON s.reply_id = r.id ORDER BY r.id, s.ordinal
        """
    )


def run(at: Hub) -> RunResult:
    result = at.run()
    assert result.problems == [], result.problems
    return result


#: What each sample's CONTRL says: the verdict, and the segments behind UCI's parties.
SAID = {
    "01_good_single.edi": [
        "accepted UCI+ACME0001+4299999001006:14+4299999000009:14+7'UCM+1+ORDERS:D:96A:UN:EAN008+7'",
        # sent again for 25_duplicate_of_01.edi, which came with it
        "accepted",
    ],
    "02_good_three_messages.edi": ["accepted"],
    "03_good_two_interchanges.edi": ["accepted", "accepted"],
    "04_good_una_release_latin1.edi": ["accepted"],
    "05_good_crlf.edi": ["accepted"],
    "06_good_utf8.edi": ["accepted"],
    # a business rule is no matter of syntax: acknowledged, and the order waits in quarantine
    "10_partly_bad.edi": ["accepted"],
    "11_bad_unknown_unit.edi": ["accepted"],
    "12_bad_negative_quantity.edi": ["accepted"],
    "13_bad_date.edi": ["accepted"],
    "14_bad_unknown_supplier.edi": ["accepted"],
    "15_bad_unknown_item.edi": ["accepted"],
    "16_bad_unt_count.edi": ["rejected UCM+1+ORDERS:D:96A:UN:EAN008+4+29+UNT+2'UNT"],
    "17_bad_unz_reference.edi": ["rejected UCI+ACME0017+4299999001006:14+4299999000009:14+4+28+UNZ+3'UNT"],
    "18_bad_truncated.edi": ["rejected UCI+ACME0018+4299999001006:14+4299999000009:14+4+13+UNZ'UNT"],
    "21_bad_wrong_encoding.edi": ["rejected UCM+1+ORDERS:D:96A:UN:EAN008+4'UCS+5'UCD+21+7:1'UNT"],
    "24_bad_conflict.edi": ["accepted"],
    "26_bad_all_or_nothing.edi": ["accepted"],
}


def test_every_sample_of_a_known_sender_is_answered_and_no_other(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        unanswered = {"19_bad_empty.edi", "20_bad_binary.edi", "23_bad_unknown_sender.edi"}
        for file in sorted(SAID.keys() | unanswered | {"25_duplicate_of_01.edi"}):
            at.drop(SAMPLES / file)
        result = run(at)
        found = answers(at)
        assert (result.acknowledge.answers, result.acknowledge.sent) == (19, 20)
        assert (result.acknowledge.unsent, len(outbox(at))) == (0, 20)
        by_file: dict[object, list[dict[str, object]]] = {}
        for row in found:
            by_file.setdefault(row["file"], []).append(row)
        assert set(by_file) == set(SAID)
        for file, wanted in SAID.items():
            for row, says in zip(by_file[file], wanted, strict=True):
                verdict, _, part = says.partition(" ")
                assert row["verdict"] == verdict, file
                assert part in bytes(row["content"]).decode(), file  # type: ignore[arg-type]
        for partner in ("acme_retail", "borealis_plant"):
            numbers = sorted({int(str(row["number"])) for row in found if row["agreement"] == partner})
            assert numbers == list(range(1, len(numbers) + 1))
        # what was written are the stored bytes, and the hub itself reads them without a word
        stored = {f"{row['agreement']}/{row['name']}": bytes(row["content"]) for row in found}  # type: ignore[arg-type]
        assert outbox(at) == stored
        for name, content in stored.items():
            session = EdifactReader().read(content, name=name)
            (tree,) = session
            assert (tree.message_type, tree.checked, tree.findings) == ("CONTRL", True, [])
            assert session.summary.findings.kept == []
        again = run(at)
        assert (again.acknowledge.answers, again.acknowledge.sent) == (0, 0)
        assert outbox(at) == stored


def test_a_duplicate_gets_the_stored_answer_again_and_a_repair_rewrites_none(
    database: str, tmp_path: Path
) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(GOOD, "first.edi")
        run(at)
        for copy in ("again.edi", "and_again.edi"):
            at.drop(GOOD, copy)
            assert run(at).acknowledge.sent == 1
        found = answers(at)
        assert [(r["number"], r["cause"], r["state"]) for r in found] == [
            (1, "outcome", "sent"),
            (1, "duplicate", "sent"),
            (1, "duplicate", "sent"),
        ]
        assert len(outbox(at)) == 3
        assert len(set(outbox(at).values())) == 1
        with transaction(at.ctx.ledger) as connection:
            translations.translate_again(connection, [1], actor="test", reason="mended")
        assert run(at).acknowledge.answers == 0
        assert len(answers(at)) == 3
        with transaction(at.ctx.ledger) as connection:
            (reply,) = replies.of_interchange(connection, 3)
        assert (reply.interchange_id, reply.state, len(reply.sendings)) == (1, "sent", 3)


def test_to_a_duplicate_no_second_answer_is_made_by_hand(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(GOOD, "first.edi")
        run(at)
        at.drop(GOOD, "again.edi")
        run(at)
        [number] = [
            row["id"] for row in at.rows("SELECT id FROM ledger.interchange WHERE name = 'again.edi'")
        ]
        with pytest.raises(LedgerError, match="already"):
            make_answer(at.ctx, at.flow, number, actor="anna", reason="they ask for it")
        assert {row["number"] for row in answers(at)} == {1}


def test_a_duplicate_that_comes_in_the_same_run_waits_for_its_original(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(GOOD, "a.edi")
        at.drop(GOOD, "b.edi")
        run(at)
        run(at)
        assert [(r["number"], r["cause"], r["state"]) for r in answers(at)] == [
            (1, "outcome", "sent"),
            (1, "duplicate", "sent"),
        ]


def test_an_answer_that_cannot_be_sent_keeps_its_number_is_told_and_goes_out_later(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = tmp_path / "mounted"
    step = AcknowledgeStep(technical="contrl", settings={"path": str(away)})
    with hub("edifact_orders", database, tmp_path, acknowledge=step) as at:
        at.drop(GOOD, "one.edi")
        at.drop(SAMPLES / "02_good_three_messages.edi")
        caplog.set_level(logging.ERROR)
        result = at.run()
        assert result.acknowledge.unsent == 2
        assert any("does not exist" in problem for problem in result.problems)
        assert "could not be sent" in caplog.text
        assert [(r["number"], r["state"], r["code"]) for r in answers(at)] == [
            (1, "failed", "CONNECTOR_UNAVAILABLE"),
            (2, "failed", "CONNECTOR_UNAVAILABLE"),
        ]
        pauses = at.rows("SELECT next_attempt_at - updated_at AS pause FROM ledger.reply_sending")
        assert all(row["pause"] > dt.timedelta(seconds=1) for row in pauses)
        with at.ctx.ledger.begin() as connection:
            # a longer time, so that it does not come while this test looks
            connection.exec_driver_sql(
                "UPDATE ledger.reply_sending SET next_attempt_at = next_attempt_at + interval '1 hour'"
            )
        with at.ctx.ledger.begin() as connection:
            assert at.flow.name not in backlog.flows_with_work(connection)  # not yet
            connection.exec_driver_sql("UPDATE ledger.reply_sending SET next_attempt_at = clock_timestamp()")
        with at.ctx.ledger.begin() as connection:
            assert at.flow.name in backlog.flows_with_work(connection)
        away.mkdir()
        assert run(at).acknowledge.sent == 2
        assert [(r["number"], r["state"], r["attempts"]) for r in answers(at)] == [
            (1, "sent", 2),
            (2, "sent", 2),
        ]
        assert sorted(p.name.split("_")[3] for p in away.iterdir()) == ["000001", "000002"]


def test_a_partner_that_takes_its_answer_away_does_not_get_it_twice(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(GOOD, "one.edi")
        run(at)
        shutil.rmtree(at.endpoints.inbox_folder.parent / "outbox")
        assert run(at).acknowledge.sent == 0
        assert outbox(at) == {}


def partners(folder: Path, **changes: tuple[str, str]) -> ProjectFolders:
    """The project's agreements, in some of them a text replaced."""
    copied = Path(shutil.copytree(PROJECT / "partners", folder / "partners"))
    for name, (old, new) in changes.items():
        path = copied / f"{name}.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    return ProjectFolders(partners_folder=copied)


ANSWERS = "answers: {technical: contrl, business: ordrsp}"


def test_who_did_not_ask_for_it_gets_none(database: str, tmp_path: Path) -> None:
    folders = partners(tmp_path, acme_retail=(ANSWERS, "answers: {technical: none}"))
    with hub("edifact_orders", database, tmp_path, folders=folders) as at:
        at.drop(GOOD, "one.edi")
        assert run(at).acknowledge.answers == 0
        assert outbox(at) == {}
        assert at.rows("SELECT outcome FROM ledger.acknowledgement") == [{"outcome": "accepted"}]


def test_a_test_is_answered_as_a_test_and_counted_apart(database: str, tmp_path: Path) -> None:
    test = GOOD.replace(b"ACME0001'\nUNH", b"ACME0099++++++1'\nUNH").replace(
        b"UNZ+1+ACME0001", b"UNZ+1+ACME0099"
    )
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(GOOD, "production.edi")
        at.drop(test, "test.edi")
        run(at)
        found = answers(at)
        assert [(r["environment"], r["number"]) for r in found] == [("production", 1), ("test", 1)]
        said = [bytes(r["content"]) for r in found]  # type: ignore[arg-type]
        assert b"+1++++++1'UNH" in said[1]
        assert b"+1'UNH" in said[0]


def test_an_agreement_may_let_the_answer_speak_of_acceptance_under_another_name(
    database: str, tmp_path: Path
) -> None:
    wanted = "answers: {technical: contrl, covers: acceptance, as: {id: HUB, qualifier: ZZZ}, settings: {path: 'edi/{partner}'}}"
    folders = partners(tmp_path, acme_retail=(ANSWERS, wanted))
    with hub("edifact_orders", database, tmp_path, folders=folders) as at:
        at.drop(SAMPLES / "10_partly_bad.edi")
        at.drop(SAMPLES / "13_bad_date.edi")
        run(at)
        found = [bytes(r["content"]).decode() for r in answers(at)]  # type: ignore[arg-type]
        assert [r["verdict"] for r in answers(at)] == ["partially_accepted", "rejected"]
        assert "UNB+UNOC:3+HUB:ZZZ+4299999001006:14" in found[0]
        assert (
            "+7'UCM+1+ORDERS:D:96A:UN:EAN008+7'UCM+2+ORDERS:D:96A:UN:EAN008+4'UCS+4'UCD+12+2:2'UCM+3"
            in found[0]
        )
        assert "UCM+1+ORDERS:D:96A:UN:EAN008+4'UCS+3'UCD+12+2:2'" in found[1]
        assert all(name.startswith("edi/acme_retail/CONTRL_acme_retail_00000") for name in outbox(at))


def test_receipt_alone_may_be_agreed(database: str, tmp_path: Path) -> None:
    folders = partners(tmp_path, acme_retail=(ANSWERS, "answers: {technical: contrl, covers: receipt}"))
    with hub("edifact_orders", database, tmp_path, folders=folders) as at:
        at.drop(SAMPLES / "16_bad_unt_count.edi")
        at.drop(SAMPLES / "17_bad_unz_reference.edi")
        run(at)
        first, second = [bytes(r["content"]) for r in answers(at)]  # type: ignore[arg-type]
        assert b"+8'UNT+3+1'" in first
        assert b"+4+28+UNZ+3'UNT+3+1'" in second


def test_an_answer_of_the_partners_is_read_and_not_answered(database: str, tmp_path: Path) -> None:
    contrl = (
        b"UNB+UNOC:3+4299999001006:14+4299999000009:14+261120:0830+77'UNH+1+CONTRL:D:3:UN'"
        b"UCI+12+4299999000009:14+4299999001006:14+7'UNT+3+1'UNZ+1+77'"
    )
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(contrl, "contrl.edi")
        assert run(at).acknowledge.rejected == 0
        row = at.interchanges()["contrl.edi"]
        assert row["state"] == "read"
        assert row["answered_at"] is not None
        assert [(f["code"], f["severity"]) for f in row["findings"]] == [("ANSWER_RECEIVED", "info")]
        assert answers(at) == []
        assert at.rows("SELECT 1 FROM ledger.acknowledgement") == []
        assert run(at).acknowledge == AcknowledgeResult()


def test_what_no_mapping_fits_is_rejected_as_not_supported(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(
            b"UNB+UNOC:3+4299999001006:14+4299999000009:14+261120:0830+5'UNH+A1+INVRPT:D:99Z:UN'BGM+35'UNT+3+A1'UNZ+1+5'",
            "stock.edi",
        )
        run(at)
        (answer,) = answers(at)
        assert answer["verdict"] == "rejected"
        assert b"UCM+A1+INVRPT:D:99Z:UN+4+14+UNH+3:1'" in bytes(answer["content"])  # type: ignore[arg-type]


def test_an_original_that_is_gone_gives_no_answer_but_an_outcome_that_says_so(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(GOOD, "one.edi")

        def nothing(key: str) -> bytes:
            raise AssertionError("a defect")

        monkeypatch.setattr("orderhub.acknowledge.verdict.open_session", nothing)
        run(at)
        assert answers(at) == []
        (row,) = at.rows("SELECT outcome, findings FROM ledger.acknowledgement")
        assert row["findings"][0]["code"] == "ANSWER_NOT_MADE"
        assert "orderhub answer make 1" in row["findings"][0]["message"]


def test_groups_are_answered_one_by_one(database: str, tmp_path: Path) -> None:
    body = GOOD.split(b"\n", 1)[1].split(b"UNZ")[0]
    second = (
        body.replace(b"UNH+1+", b"UNH+2+")
        .replace(b"UNT+30+1", b"UNT+30+2")
        .replace(b"2026-1001", b"2026-1901")
    )
    grouped = (
        b"UNB+UNOC:3+4299999001006:14+4299999000009:14+261120:0830+G1'"
        b"UNG+ORDERS+ACME+HUB+261120:0830+71+UN+D:96A'" + body + b"UNE+1+71'"
        b"UNG+ORDERS+ACME+HUB+261120:0830+72+UN+D:96A'" + second + b"UNE+1+72'UNZ+2+G1'"
    )
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(grouped, "grouped.edi")
        run(at)
        (answer,) = answers(at)
        said = bytes(answer["content"]).decode()  # type: ignore[arg-type]
        assert "UCF+71+ACME+HUB+7'UCM+1+" in said
        assert "UCF+72+ACME+HUB+7'UCM+2+" in said
        (tree,) = EdifactReader().read(bytes(answer["content"]), name="answer")  # type: ignore[arg-type]
        assert tree.findings == []


def command(at: Hub, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """What a command prints on the test's ledger; its exit must be good."""

    @contextmanager
    def ledger() -> Iterator[Engine]:
        yield at.ctx.ledger

    @contextmanager
    def context() -> Iterator[HubContext]:
        yield at.ctx

    monkeypatch.setattr("orderhub.cli.hub.ledger", ledger)
    monkeypatch.setattr("orderhub.cli.hub.context", context)
    monkeypatch.setattr("orderhub.flows.registry.FlowRegistry.get", lambda self, name: at.flow)
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_the_commands_list_show_resend_and_make_answers(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = partners(tmp_path, acme_retail=(ANSWERS, ""))
    with hub("edifact_orders", database, tmp_path, folders=folders, acknowledge=AcknowledgeStep()) as at:
        at.drop(GOOD, "one.edi")
        run(at)
        assert "Nothing was answered." in command(at, monkeypatch, "answer", "list")
        with pytest.raises(AssertionError, match="Nobody is to be answered"):
            command(at, monkeypatch, "answer", "make", "1", "--reason", "asked by phone")
        agreement = tmp_path / "partners" / "acme_retail.yaml"
        agreement.write_text(agreement.read_text() + "\nanswers: {technical: contrl}\n")
        assert "Made: 1." in command(at, monkeypatch, "answer", "make", "1", "--reason", "asked by phone")
        with pytest.raises(AssertionError, match="never rewritten"):
            command(at, monkeypatch, "answer", "make", "1", "--reason", "again")
        assert "pending" in command(at, monkeypatch, "answer", "list", "--unsent")
        # a second one would only follow the one that is still to come
        command(at, monkeypatch, "answer", "resend", "1", "--reason", "where is it?")
        assert run(at).acknowledge.sent == 1
        command(at, monkeypatch, "answer", "resend", "1", "--reason", "lost on their side")
        assert run(at).acknowledge.sent == 1
        assert [row["cause"] for row in answers(at)] == ["outcome", "request"]
        assert len(set(outbox(at).values())) == 1
        shown = command(at, monkeypatch, "answer", "show", "1")
        assert "CONTRL 1 to acme_retail" in shown
        assert "UCI+ACME0001+4299999001006:14+4299999000009:14+7'\n" in shown
        assert command(at, monkeypatch, "answer", "show", "1", "--raw").encode() in outbox(at).values()
        assert '"number":1' in command(at, monkeypatch, "answer", "list", "--json")
        assert "CONTRL" in command(at, monkeypatch, "interchange", "show", "1")
        audit = at.rows("SELECT action, subject FROM ledger.audit ORDER BY seq")
        assert [row["action"] for row in audit] == ["answer.make", "answer.resend", "answer.resend"]


def test_every_x12_sample_is_answered_by_997_or_ta1(database: str, tmp_path: Path) -> None:
    said = {
        "01_good_single.edi": ["997 accepted AK1*PO*5001~AK2*850*0001~AK5*A~AK9*A*1*1*1~SE"],
        "02_good_three_in_two_groups.edi": ["997 accepted AK9*A*2*2*2~SE*8*0001~ST*997*0002~AK1*PO*2~"],
        "04_good_005010_two_interchanges.edi": [
            "997 accepted AK1*PO*5004*005010~",
            "997 accepted AK1*PO*5005*005010~",
        ],
        "11_bad_se_count.edi": ["997 partially_accepted AK5*R*4~AK2*850*0002~AK5*A~AK9*P*2*2*1~"],
        "12_bad_iea_reference.edi": ["ta1 rejected TA1*000005012*261120*0830*R*001~IEA*0*"],
        "13_bad_qualifier_without_value.edi": ["997 rejected AK3*PO1*12**8~AK4*7**2~AK5*R*5~AK9*R*1*1*0~"],
        "14_bad_unknown_unit.edi": ["997 accepted AK5*A~"],
    }
    with hub("x12_orders", database, tmp_path) as at:
        for file in said:
            at.drop(PROJECT / "samples" / "inbox" / "x12_orders" / file)
        run(at)
        found = at.rows(
            "SELECT i.name, r.kind, r.number, r.verdict, r.content FROM ledger.reply AS r "
            "JOIN ledger.interchange AS i ON i.id = r.interchange_id ORDER BY r.number"
        )
        assert [row["number"] for row in found] == list(range(1, 9))
        wanted = [(file, one) for file, several in said.items() for one in several]
        for row, (file, one) in zip(found, wanted, strict=True):
            kind, verdict, part = one.split(" ", 2)
            assert (row["name"], row["kind"], row["verdict"]) == (file, kind, verdict)
            assert part in bytes(row["content"]).decode()
        assert len(outbox(at)) == 8
        assert all(name.startswith("delta_stores/") and name.endswith(".x12") for name in outbox(at))


def test_what_was_larger_than_agreed_is_rejected_by_its_header_alone(database: str, tmp_path: Path) -> None:
    folders = partners(tmp_path, acme_retail=("documents: 20000", "documents: 2"))
    with hub("edifact_orders", database, tmp_path, folders=folders) as at:
        at.drop(SAMPLES / "02_good_three_messages.edi")
        run(at)
        (answer,) = answers(at)
        assert b"UCI+ACME0002+4299999001006:14+4299999000009:14+4+18'UNT+3+1'" in bytes(answer["content"])  # type: ignore[arg-type]
