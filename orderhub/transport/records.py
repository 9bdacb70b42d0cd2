"""Records within JSON answers, cut out byte for byte: no number is rounded and no text rewritten on the way to the archive."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.errors import ConnectorProtocolError

Raw = bytes


def at(value: Any, path: str) -> Any:
    """What stands under a dotted path (``data.items``, ``message.0.id``) in plain JSON values; None where nothing does."""
    for step in steps(path):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value


def steps(path: str) -> list[str]:
    """The steps of a dotted path; a dot within a name is written ``\\.`` (``@odata\\.nextLink``)."""
    return [step.replace("\0", ".") for step in path.replace("\\.", "\0").split(".")] if path else []


def plain(body: bytes, place: str) -> Any:
    """A JSON body as plain values, numbers with a point as ``Decimal``.

    :param place: what was asked, for the error.
    :raises ConnectorProtocolError: it is no JSON.
    """
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise _no_json(body, place, error) from error


def records_at(body: bytes, path: str, place: str) -> list[Raw]:
    """The records under a path of a JSON body, each as its bytes: the members of the list there, or the one object there;
    none where there is nothing or ``null``.

    :raises ConnectorProtocolError: it is no JSON, or something else stands there.
    """
    raw = body
    try:
        for step in steps(path):
            inner = msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).get(step)
            if inner is None:
                return []
            raw = bytes(inner)
        start = raw.lstrip()[:1]
        if start == b"[":
            found = [bytes(one) for one in msgspec.json.decode(raw, type=list[msgspec.Raw])]
        elif raw.strip() == b"null":
            found = []
        else:
            msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
            found = [raw.strip()]
    except (msgspec.DecodeError, RecursionError) as error:
        raise _no_json(body, place, error) from error
    return found


def array(records: Sequence[Raw]) -> bytes:
    """A JSON list of records, as an interchange has them."""
    return b"[" + b",\n".join(records) + b"]"


def digest(parts: Iterable[bytes]) -> str:
    """A short name for bytes, the same for the same ones."""
    seen = hashlib.sha256()
    for part in parts:
        seen.update(len(part).to_bytes(8, "big"))
        seen.update(part)
    return seen.hexdigest()[:24]


def dump(tree: Any) -> bytes:
    """Plain values as JSON: decimals as numbers with all their digits, dates in ISO form."""
    return _ENCODER.encode(tree)


def put(tree: Any, path: str, value: Any) -> bool:
    """Set a value under a dotted path, making the objects on the way; a number is the place in a list that is there.
    False, and nothing done, where the path leads into a list that is too short or into a plain value."""
    *above, last = steps(path)
    for step in above:
        if isinstance(tree, dict):
            tree = tree.setdefault(step, {})
        elif isinstance(tree, list) and step.isdigit() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return False
    if isinstance(tree, dict):
        tree[last] = value
        return True
    return False


def moment(text: str) -> dt.datetime | None:
    """An ISO date or time as a moment; a date is its midnight, a time without zone counts as UTC. None for other texts."""
    try:
        value = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _no_json(body: bytes, place: str, error: Exception) -> ConnectorProtocolError:
    start = body[:60].decode("utf-8", "replace")
    return ConnectorProtocolError(
        f"The answer to {place} is not the JSON that was declared ({error}); it starts with {start!r}.",
        todo="Check the address and the path to the records.",
    )
