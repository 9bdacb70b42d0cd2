"""What strangers send: who it is from, what is attached, and what is made to break a reader."""

from __future__ import annotations

import base64
import time

import pytest
from effort import cpu_seconds

from connectors.email.message import Attachment, Unusable, attachments, check_sender, parsed, text_of
from connectors.email.sending import compose, message_id
from connectors.email.settings import EmailSettings

SETTINGS = EmailSettings(connection="mailbox", senders=("orders@acme.example", "*@nordwerk.example"))


def settings(**changed: object) -> EmailSettings:
    return SETTINGS.model_copy(update=changed)


def raw(headers: str, body: str = "") -> bytes:
    return f"{headers}\r\n\r\n{body}".replace("\r\n", "\n").replace("\n", "\r\n").encode()


def with_attachment(disposition: str, data: bytes = b"UNB", *, encoding: str = "base64") -> bytes:
    text = base64.b64encode(data).decode() if encoding == "base64" else data.decode("latin-1")
    return raw(
        "From: orders@acme.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b",
        f"--b\nContent-Type: text/plain\n\nHello\n--b\nContent-Type: application/octet-stream\n"
        f"Content-Disposition: {disposition}\nContent-Transfer-Encoding: {encoding}\n\n{text}\n--b--\n",
    )


@pytest.mark.parametrize(
    "header",
    [
        "orders@acme.example",
        "ACME Orders <orders@acme.example>",
        '"orders@evil.example" <Orders@ACME.example>',
        "=?utf-8?q?Bestellungen_M=C3=BCller?= <any.one+x@nordwerk.example>",
    ],
)
def test_an_allowed_sender_is_known(header: str) -> None:
    assert "@" in check_sender(parsed(raw(f"From: {header}")), SETTINGS)


@pytest.mark.parametrize(
    "headers",
    [
        "Subject: nobody",
        "From:",
        "From: somebody@evil.example",
        "From: orders@acme.example.evil.example",
        "From: orders@acme.example <somebody@evil.example>",
        "From: orders@acme.example, somebody@evil.example",
        "From: somebody@evil.example\nFrom: orders@acme.example",
        "From: <orders@acme.example> <somebody@evil.example>",
        "From: orders@acme.example (comment) somebody@evil.example",
        "From: x@evil.example@nordwerk.example",
        "From: =?utf-8?q?orders=40acme=2Eexample?= <somebody@evil.example>",
        "From: orders@acme.example\0@evil.example",
        "From: group: orders@acme.example, a@evil.example;",
    ],
)
def test_who_it_is_not_surely_from_is_refused_and_not_kept(headers: str) -> None:
    with pytest.raises(Unusable) as caught:
        check_sender(parsed(raw(headers)), SETTINGS)
    assert not caught.value.keep


def test_the_envelope_counts_where_it_was_asked_for() -> None:
    message = parsed(raw("Return-Path: <bounce@evil.example>\nFrom: orders@acme.example"))
    assert check_sender(message, SETTINGS)
    for asked in ("envelope", "both"):
        with pytest.raises(Unusable):
            check_sender(message, settings(sender_is=asked))
    # the topmost is the own server's, one below is the sender's invention
    message = parsed(
        raw("Return-Path: <x@evil.example>\nReturn-Path: <orders@acme.example>\nFrom: orders@acme.example")
    )
    with pytest.raises(Unusable):
        check_sender(message, settings(sender_is="both"))


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ("Authentication-Results: mx.hub.example; dkim=pass; dmarc=pass header.from=acme.example", True),
        ("Authentication-Results: mx.hub.example; dkim=pass; dmarc=fail", False),
        ("Authentication-Results: mx.hub.example; dkim=pass", False),
        ("Authentication-Results: mx.evil.example; dmarc=pass", False),
        (
            "Authentication-Results: mx.hub.example; dmarc=fail\nAuthentication-Results: mx.hub.example; dmarc=pass",
            False,
        ),
        ("Authentication-Results: mx.hub.example; x=y dmarc=pass", False),
        ("Authentication-Results:", False),
        ("X: y", False),
    ],
)
def test_the_own_server_must_vouch_where_it_was_asked_for(headers: str, good: bool) -> None:
    message = parsed(raw(f"{headers}\nFrom: orders@acme.example"))
    asked = settings(authenticated_by="mx.hub.example")
    if good:
        assert check_sender(message, asked)
    else:
        with pytest.raises(Unusable):
            check_sender(message, asked)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="order.edi"', "order.edi"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\orders\\\\17.edi"', "17.edi"),
        ("attachment; filename*=utf-8''Bestellung%20M%C3%BCller.edi", "Bestellung Müller.edi"),
        ("attachment; filename*=utf-8''%2e%2e%2f%2e%2e%2fx.edi", "x.edi"),
        ('attachment; filename="=?utf-8?q?M=C3=BCller.edi?="', "Müller.edi"),
        ('attachment; filename="=?nonsense?q?x.edi?="', "=?nonsense?q?x.edi?="),
        ("attachment; filename*=nonsense''x.edi", "x.edi"),
        ('attachment; filename=".hidden"', "hidden"),
        ("attachment", "attachment"),
        ('attachment; filename=""', "attachment"),
        ('attachment; filename="..."', "attachment"),
    ],
)
def test_a_name_is_a_name_and_never_a_path(disposition: str, name: str) -> None:
    [found] = attachments(parsed(with_attachment(disposition)), SETTINGS)
    assert found == Attachment(name=name, media_type="application/octet-stream", data=b"UNB")


def test_names_with_control_characters_and_turned_text_are_shown_harmless() -> None:
    name = "a\x1b[31m\u202egnp.edi\x00"
    [found] = attachments(parsed(with_attachment(f"attachment; filename*=utf-8''{percent(name)}")), SETTINGS)
    assert found.name.isprintable()
    assert "\u202e" not in found.name
    long = "x" * 100_000
    [found] = attachments(parsed(with_attachment(f'attachment; filename="{long}"')), SETTINGS)
    assert len(found.name) <= 150


def percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def test_only_what_fits_is_taken_and_what_has_nothing_is_kept() -> None:
    chosen = settings(attachments=("*.edi",))
    assert attachments(parsed(with_attachment('attachment; filename="ORDER.EDI"')), chosen)
    for without in (
        with_attachment('attachment; filename="logo.png"'),
        raw("From: orders@acme.example", "text only"),
    ):
        with pytest.raises(Unusable) as caught:
            attachments(parsed(without), chosen)
        assert caught.value.keep


def test_a_damaged_attachment_says_so_and_keeps_what_is_there() -> None:
    whole = with_attachment('attachment; filename="order.edi"', b"UNB+" * 100)
    cut = whole[: whole.index(b"VU5C") + 203]
    [found] = attachments(parsed(cut), SETTINGS)
    assert found.problem is not None
    assert "damaged" in found.problem
    [empty] = attachments(parsed(with_attachment('attachment; filename="order.edi"', b"")), SETTINGS)
    assert empty.problem is not None


def test_messages_made_to_break_a_reader_cost_little_and_end_as_a_problem() -> None:
    nested = "".join(f"--b{n}\nContent-Type: multipart/mixed; boundary=b{n + 1}\n\n" for n in range(3_000))
    bombs = [
        raw("From: orders@acme.example\nContent-Type: multipart/mixed; boundary=b0", nested),
        raw("From: orders@acme.example\nContent-Type: multipart/mixed; boundary=b", "--b\n\nx\n" * 9_000),
        raw("From: orders@acme.example\nContent-Type: multipart/mixed; boundary=b", "--b\n\nx\n" * 1_000_000),
        raw("From: orders@acme.example\n" + "a: b\n" * 1_000_001),
        raw("From: orders@acme.example\nContent-Type: multipart/mixed"),
        raw(
            "From: orders@acme.example\nContent-Type: message/rfc822",
            "Content-Type: message/rfc822\n\n" * 5_000,
        ),
        b"\xff\xfe\x00" * 1000,
        b"",
        raw("From: orders@acme.example\nContent-Type: " + "a" * 200_000 + "/" + ";" * 100_000),
    ]
    for bomb in bombs:
        began = time.process_time()
        try:
            attachments(parsed(bomb), SETTINGS)
        except Unusable as why:
            assert str(why)
        else:
            raise AssertionError("nothing was attached")
        assert time.process_time() - began < cpu_seconds(10)
    many = raw(
        "From: orders@acme.example\nContent-Type: multipart/mixed; boundary=b",
        "--b\nContent-Disposition: attachment; filename=x.edi\n\nx\n" * 60,
    )
    with pytest.raises(Unusable, match="more than 50"):
        attachments(parsed(many), SETTINGS)


def test_headers_for_people_are_decoded_and_on_one_line() -> None:
    message = parsed(raw("Subject: =?utf-8?q?Bestellung_M=C3=BCller?=\n folded\nFrom: x"))
    assert text_of(message, "Subject").startswith("Bestellung Müller")
    assert "\n" not in text_of(message, "Subject")
    hostile = parsed(raw("Subject: =?utf-8?b?DQpCY2M6IHg=?="))
    assert "\n" not in text_of(hostile, "Subject")


def test_what_is_sent_carries_the_key_and_comes_out_byte_for_byte() -> None:
    own = EmailSettings(
        smtp="out", sender="hub@hub.example", to=("edi@acme.example",), subject="Order {name}"
    )
    data = bytes(range(256)) * 10 + b"\r\n.\r\n.x\r\nFrom nobody\n"
    sent = parsed(compose(own, "key-1", "order.edi", data, "application/edifact; charset=x"))
    assert sent["Message-ID"] == message_id(own, "key-1") != message_id(own, "key-2")
    assert sent["Subject"] == "Order order.edi"
    [found] = attachments(sent, EmailSettings(connection="mailbox"))
    assert found.data == data
    assert found.media_type == "application/edifact"
    odd = parsed(compose(own, "key-1", "order.edi", data, "multipart/mixed; boundary=x"))
    assert attachments(odd, EmailSettings(connection="mailbox"))[0].media_type == "application/octet-stream"


@pytest.mark.parametrize(
    "address", ["hub@hub.example\nBcc: x@evil.example", "a b@c", "nobody", "a@b, c@d", "Ü@x.example"]
)
def test_an_address_that_could_be_more_than_one_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        EmailSettings(smtp="out", sender="hub@hub.example", to=(address,))
