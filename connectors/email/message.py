"""What a stranger's message holds: who sent it, and its attachments. Nothing in it is believed to be well formed."""

from __future__ import annotations

import email.header
import email.message
import email.parser
import email.policy
import fnmatch
import re
from collections.abc import Sequence
from email import errors
from email.utils import getaddresses

import msgspec

from connectors.email.settings import EmailSettings

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}\Z")
_BROKEN = (
    errors.InvalidBase64PaddingDefect,
    errors.InvalidBase64CharactersDefect,
    errors.InvalidBase64LengthDefect,
    errors.CloseBoundaryNotFoundDefect,
    errors.StartBoundaryNotFoundDefect,
)
_NAME_LIMIT = 150
#: A message of honest size has fewer: 25 MiB in base64 are 350,000 lines, without a single one that could be a boundary.
_MOST_BOUNDARIES = 10_000
_MOST_LINES = 1_000_000


class Unusable(Exception):
    """A message of which nothing can be used; the text says why. ``keep`` says that its bytes are worth keeping."""

    def __init__(self, why: str, *, keep: bool) -> None:
        self.keep = keep
        super().__init__(why)


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """One attachment; ``problem`` where its bytes cannot be whole."""

    name: str
    media_type: str
    data: bytes
    problem: str | None = None


def parsed(raw: bytes) -> email.message.Message:
    """:raises Unusable: it cannot be read as a message, as when its parts are nested a thousand times, or are a million."""
    # each part and each header costs hundreds of bytes, however short it is
    if raw.count(b"\n--") > _MOST_BOUNDARIES or raw.count(b"\n") > _MOST_LINES:
        raise Unusable("It has more parts or lines than a message has.", keep=True)
    try:
        return email.parser.BytesParser(policy=email.policy.compat32).parsebytes(raw)
    except Exception as error:
        # the standard library's parser raises what it likes on what was made to break it
        raise Unusable(f"It cannot be read as a message ({type(error).__name__}).", keep=True) from error


def check_sender(message: email.message.Message, settings: EmailSettings) -> str:
    """The sender's address.

    :raises Unusable: the message names none or several, or one that is not allowed, or nobody vouches for it.
    """
    sender = _only_address(message, "From")
    checked = [sender] if settings.sender_is != "envelope" else []
    if settings.sender_is != "from":
        checked.append(_only_address(message, "Return-Path", first=True))
    for address in checked:
        if not any(fnmatch.fnmatchcase(address.lower(), allowed.lower()) for allowed in settings.senders):
            raise Unusable(f"The sender {address!r} is not among those that are allowed.", keep=False)
    if settings.authenticated_by is not None and not _vouched_for(message, settings.authenticated_by):
        raise Unusable(
            f"{settings.authenticated_by} does not say that DMARC passed for {sender!r}.", keep=False
        )
    return sender


def attachments(message: email.message.Message, settings: EmailSettings) -> list[Attachment]:
    """Those that fit the patterns, in their order.

    :raises Unusable: there is none, there are too many, or they cannot be read.
    """
    found: list[Attachment] = []
    try:
        for part in message.walk():
            if part.is_multipart():
                continue
            name = _file_name(part)
            if name is None or not _fits(name, settings.attachments):
                continue
            if len(found) == settings.max_attachments:
                raise Unusable(f"It has more than {settings.max_attachments} attachments.", keep=True)
            found.append(_attachment(part, name))
    except Unusable:
        raise
    except Exception as error:
        # as above
        raise Unusable(f"Its parts cannot be read ({type(error).__name__}).", keep=True) from error
    if not found:
        raise Unusable(f"It has no attachment that fits {', '.join(settings.attachments)}.", keep=True)
    return found


def text_of(message: email.message.Message, field: str) -> str:
    """A header for people: decoded where that works, printable, short."""
    return shown(_decoded(str(message.get(field, "") or "")))


def shown(text: str, limit: int = 400) -> str:
    """Without line breaks, control characters and what turns the direction of text."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit]).strip()


def _attachment(part: email.message.Message, name: str) -> Attachment:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    problem = None
    broken = [type(defect).__name__ for defect in part.defects if isinstance(defect, _BROKEN)]
    if broken:
        problem = f"The attachment {name!r} is damaged ({', '.join(broken)})."
    elif not data:
        problem = f"The attachment {name!r} is empty."
    return Attachment(name=name, media_type=part.get_content_type()[:200], data=data, problem=problem)


def _file_name(part: email.message.Message) -> str | None:
    """The name that the sender gave, as a name: what looks like a path is only its last part."""
    given = part.get_filename()
    if not given:
        return "attachment" if part.get_content_disposition() == "attachment" else None
    last = re.split(r"[/\\]", _decoded(str(given)))[-1]
    return shown(last, _NAME_LIMIT).lstrip(".") or "attachment"


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _decoded(text: str) -> str:
    try:
        return str(email.header.make_header(email.header.decode_header(text)))
    except (ValueError, LookupError, errors.MessageError):
        return text


def _only_address(message: email.message.Message, field: str, *, first: bool = False) -> str:
    """The one address of a header; of several headers the topmost where the server writes it."""
    headers = [str(value) for value in message.get_all(field, [])]
    if first:
        headers = headers[:1]
    found = [address for _, address in getaddresses(headers) if address]
    if len(headers) != 1 or len(found) != 1 or _ADDRESS.match(found[0]) is None:
        raise Unusable(f"It does not name one sender in {field}.", keep=False)
    # a comment or a second address behind it is how parsers are made to disagree
    if not headers[0].strip().rstrip(">").endswith(found[0]):
        raise Unusable(f"Its {field} can be read in two ways.", keep=False)
    return found[0]


def _vouched_for(message: email.message.Message, server: str) -> bool:
    """What the own mail server noted (RFC 8601): only the topmost note of its name counts, others may be forged."""
    for header in message.get_all("Authentication-Results", []):
        words = str(header).split(";")
        if words[0].split()[:1] and words[0].split()[0].lower() == server.lower():
            return any(re.match(r"\s*dmarc\s*=\s*pass\b", word, re.IGNORECASE) for word in words[1:])
    return False
