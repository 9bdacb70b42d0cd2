"""E-mail against Dovecot and aiosmtpd: crashes between attachments, what is kept where, doubts, certificates."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hub_harness import hub
from servers.mail import Dovecot, Smtp, dovecot, smtp

from orderhub.connector import Connector, Credentials, OutcomeState, Settlement
from orderhub.connector_registry import registry
from orderhub.errors import ConfigError, ConnectorRefused, ConnectorUnavailable, MappingError
from orderhub.flows.runner import start_run
from orderhub.pull import pull
from orderhub.stage import PullStep
from orderhub.testing import PortsForTests, load_item, sample_order

pytestmark = pytest.mark.integration

OUT = {"smtp": "outgoing", "sender": "hub@hub.example", "to": ["edi@acme.example"]}
IN = {"connection": "mailbox", "senders": ["orders@acme.example"]}


@pytest.fixture(scope="module")
def imap_server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture(scope="module")
def smtp_server() -> Iterator[Smtp]:
    with smtp() as running:
        yield running


@pytest.fixture
def user() -> str:
    return f"u{uuid.uuid4().hex}"


@pytest.fixture
def made() -> Iterator[list[Connector[Any]]]:
    connectors: list[Connector[Any]] = []
    yield connectors
    for connector in connectors:
        connector.close()


def connector_of(
    made: list[Connector[Any]], settings: dict[str, Any], **credentials: Credentials
) -> Connector[Any]:
    made.append(registry().create("email", settings, PortsForTests(credentials=credentials)))
    return made[-1]


def letter(*attachments: tuple[str, bytes], sender: str = "orders@acme.example") -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["Subject"] = "Order"
    message.set_content("See the attachment.")
    for name, data in attachments:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def folders(server: Dovecot, user: str) -> dict[str, int]:
    with server.mailbox(user) as box:
        names = [name for _, _, name in box.list_folders()]
        return {name: n for name in names if (n := box.folder_status(name, ["MESSAGES"])[b"MESSAGES"])}


def test_a_crash_between_two_attachments_loses_none_and_doubles_none(
    imap_server: Dovecot, user: str, database: str, tmp_path: Path
) -> None:
    with imap_server.mailbox(user) as box:
        box.append("INBOX", letter(("1.edi", b"one"), ("2.edi", b"two"), ("3.edi", b"three")))
        box.append("INBOX", letter(("4.edi", b"four")))
    stopped = 0
    with hub("edifact_orders", database, tmp_path, connections=lambda _: imap_server.credentials(user)) as at:
        at.flow = msgspec.structs.replace(
            at.flow, pull=PullStep(connector="email", stream="orders", settings=IN)
        )

        class Crash(Exception):
            pass

        real = at.ctx.archive.store
        for die_at in (2, 3, 1):
            stored = 0

            def store(data: Any, die_at: int = die_at) -> Any:
                nonlocal stored
                stored += 1
                if stored == die_at:
                    raise Crash
                return real(data)

            at.ctx.archive.store = store  # type: ignore[method-assign]
            try:
                pull(at.ctx, at.flow, start_run(at.ctx, at.flow))
            except Crash:
                stopped += 1
        at.ctx.archive.store = real  # type: ignore[method-assign]
        pull(at.ctx, at.flow, start_run(at.ctx, at.flow))
        pull(at.ctx, at.flow, start_run(at.ctx, at.flow))
        rows = at.rows("SELECT name, archive_key, settled_at FROM ledger.interchange ORDER BY id")
        assert [row["name"] for row in rows] == ["1.edi", "2.edi", "3.edi", "4.edi"]
        assert [at.ctx.archive.read(row["archive_key"]) for row in rows] == [
            b"one",
            b"two",
            b"three",
            b"four",
        ]
        assert all(row["settled_at"] for row in rows)
    assert stopped == 3
    assert folders(imap_server, user) == {"Processed": 2}


def test_strangers_and_what_has_nothing_are_put_aside(
    imap_server: Dovecot, user: str, made: list[Connector[Any]]
) -> None:
    settings = IN | {"attachments": ["*.edi"], "max_bytes": 100_000}
    connector = connector_of(made, settings, mailbox=imap_server.credentials(user))
    with imap_server.mailbox(user) as box:
        box.append("INBOX", letter(("1.edi", b"x"), sender="somebody@evil.example"))
        box.append("INBOX", letter(("logo.png", b"x")))
        box.append("INBOX", letter(("1.edi", b"x" * 100_000)))
        box.append("INBOX", letter(("1.edi", b"one"), ("logo.png", b"x"), ("2.edi", b"")))
        box.append("INBOX", letter(("3.edi", b"")))
    found = []
    for one in connector.pull("orders", None):
        found.append(one)
        connector.settle(one, Settlement.REFUSED if one.problem else Settlement.ACCEPTED)
    assert [bool(one.problem) for one in found] == [True, True, True, False, True, True]
    assert found[0].data is None
    assert found[1].data is not None
    assert found[2].data is None
    assert found[3].data == b"one"
    assert folders(imap_server, user) == {"Refused": 4, "Processed": 1}
    nobody = connector_of(made, {"connection": "mailbox"}, mailbox=imap_server.credentials(user))
    with pytest.raises(ConfigError, match="sender"):
        list(nobody.pull("orders", None))


@pytest.mark.parametrize(("after", "left"), [("flag", {"INBOX": 2}), ("delete", {})])
def test_a_message_may_stay_with_a_mark_or_be_deleted(
    imap_server: Dovecot, user: str, made: list[Connector[Any]], after: str, left: dict[str, int]
) -> None:
    connector = connector_of(made, IN | {"after": after}, mailbox=imap_server.credentials(user))
    with imap_server.mailbox(user) as box:
        for _ in range(2):
            box.append("INBOX", letter(("1.edi", b"one")))
    for one in connector.pull("orders", None):
        for _ in range(2):
            connector.settle(one, Settlement.ACCEPTED)
    assert folders(imap_server, user) == left
    assert list(connector.pull("orders", None)) == []
    assert not connector.waiting("orders", None)


def test_numbers_given_anew_move_nothing_else_away(
    imap_server: Dovecot, user: str, made: list[Connector[Any]]
) -> None:
    """UIDs of a folder that was made anew name other messages."""
    settings = IN | {"folder": "Orders"}
    connector = connector_of(made, settings, mailbox=imap_server.credentials(user))
    with imap_server.mailbox(user) as box:
        box.create_folder("Orders")
        box.append("Orders", letter(("1.edi", b"old")))
        [old] = connector.pull("orders", None)
        connector.close()
        box.delete_folder("Orders")
        box.create_folder("Orders")
        box.append("Orders", letter(("2.edi", b"new")))
    connector.settle(old, Settlement.ACCEPTED)
    [new] = connector.pull("orders", None)
    assert (new.data, new.arrival != old.arrival) == (b"new", True)


def test_an_answer_that_is_lost_is_a_doubt_and_the_same_message_again(
    imap_server: Dovecot, smtp_server: Smtp, user: str, made: list[Connector[Any]]
) -> None:
    smtp_server.post.clear()
    given = {"mailbox": imap_server.credentials(user), "outgoing": smtp_server.credentials()}
    connector = connector_of(made, {"connection": "mailbox"} | OUT, **given)
    item = load_item(sample_order("M-1"))
    for cut, count in (("before", 0), ("after", 1)):
        smtp_server.post.cut = cut
        [outcome] = connector.load([item])
        assert outcome.state is OutcomeState.UNCLEAR
        assert len(smtp_server.post.messages()) == count
    smtp_server.post.cut = None
    [outcome] = connector.load([item])
    assert outcome.state is OutcomeState.WRITTEN
    assert len({message["Message-ID"] for message in smtp_server.post.messages()}) == 1
    [outcome] = connector.load([item])
    assert outcome.state is OutcomeState.UNCHANGED
    assert len(smtp_server.post.messages()) == 2


def test_what_the_mail_server_refuses_for_now_and_for_good(
    smtp_server: Smtp, made: list[Connector[Any]]
) -> None:
    smtp_server.post.clear()
    connector = connector_of(made, OUT, outgoing=smtp_server.credentials())
    item = load_item(sample_order("M-2"))
    smtp_server.post.refuse = "451 greylisted"
    with pytest.raises(ConnectorUnavailable, match="451"):
        connector.load([item])
    smtp_server.post.refuse = "554 no"
    [outcome] = connector.load([item])
    assert (outcome.state, outcome.code) == (OutcomeState.REJECTED, "EMAIL_REJECTED")
    smtp_server.post.refuse = None
    [outcome] = connector.load([item])
    assert outcome.state is OutcomeState.WRITTEN


def test_what_stops_a_load_does_not_make_its_first_messages_go_out_again(
    smtp_server: Smtp, made: list[Connector[Any]]
) -> None:
    """An error of the whole call says that nothing was sent."""
    smtp_server.post.clear()

    def write(mapping: str, document: Any, given: Any) -> Any:
        if document.number == "M-8":
            raise MappingError("The mapping was changed.", todo="Correct it.")
        return SimpleNamespace(data=b"{}", media_type="application/json")

    ports = PortsForTests(credentials={"outgoing": smtp_server.credentials()}, resources={"write": write})
    made.append(registry().create("email", OUT | {"mapping": "m"}, ports))
    first, second = (load_item(sample_order(number), source=at) for at, number in enumerate(("M-7", "M-8")))
    with pytest.raises(ConnectorRefused):
        made[-1].load([second, first])
    assert smtp_server.post.messages() == []
    outcomes = made[-1].load([first, second])
    assert [outcome.state for outcome in outcomes] == [OutcomeState.WRITTEN, OutcomeState.UNCLEAR]
    assert len(smtp_server.post.messages()) == 1


def test_certificates_passwords_and_servers_without_tls(
    imap_server: Dovecot, smtp_server: Smtp, user: str, made: list[Connector[Any]]
) -> None:
    item = load_item(sample_order("M-3"))
    with smtp(expired=True) as expired:
        connector = connector_of(made, OUT, outgoing=expired.credentials())
        with pytest.raises(ConnectorRefused, match="expired"):
            connector.load([item])
    with dovecot(expired=True) as expired_mailbox:
        connector = connector_of(made, IN, mailbox=expired_mailbox.credentials(user))
        with pytest.raises(ConnectorRefused, match="expired"):
            connector.waiting("orders", None)
    with smtp(starttls=False) as plain:
        connector = connector_of(made, OUT, outgoing=plain.credentials())
        with pytest.raises(ConnectorRefused, match="STARTTLS"):
            connector.load([item])
        assert plain.post.messages() == []
    for server in (smtp_server.credentials(ca_file=None), imap_server.credentials(user, ca_file=None)):
        name, settings = ("outgoing", OUT) if server.url.startswith("smtp") else ("mailbox", IN)
        health = connector_of(made, settings, **{name: server}).check()
        assert not health.ok
        assert "certificate" in health.sentence
    wrong = Credentials(
        url=imap_server.credentials(user).url,
        user=user,
        secret="s3cret",
        extra=imap_server.credentials(user).extra,
    )
    connector = connector_of(made, IN, mailbox=wrong)
    with pytest.raises(ConnectorRefused) as caught:
        connector.waiting("orders", None)
    assert "s3cret" not in str(caught.value)
    starttls = connector_of(made, IN, mailbox=imap_server.credentials(user, tls=False))
    assert starttls.check().ok
