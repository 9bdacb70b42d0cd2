"""$batch: several creations in one request, each in a change set of its own, so that one that is refused takes no other along."""

from __future__ import annotations

import email
import email.policy
import secrets
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from orderhub.errors import ConnectorProtocolError
from orderhub.transport.records import at, dump, plain


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one creation."""

    status: int
    content: bytes


def request(entities: Sequence[Any], name: str, version: str) -> tuple[bytes, str]:
    """Body and media type of a $batch that creates entities of a set: multipart for V2, JSON for V4."""
    if version == "4":
        headers = {"content-type": "application/json", "accept": "application/json"}
        requests = [
            {
                "id": str(number),
                "atomicityGroup": f"g{number}",
                "method": "POST",
                "url": name,
                "headers": headers,
                "body": entity,
            }
            for number, entity in enumerate(entities)
        ]
        return dump({"requests": requests}), "application/json"
    outer = f"batch_{secrets.token_hex(12)}"
    parts: list[bytes] = []
    for number, entity in enumerate(entities):
        inner = f"changeset_{secrets.token_hex(12)}"
        body = dump(entity)
        head = (
            f"--{outer}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n"
            f"--{inner}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number + 1}\r\n\r\n"
            f"POST {name} HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        parts += [head.encode(), body, f"\r\n--{inner}--\r\n".encode()]
    return b"".join([*parts, f"--{outer}--\r\n".encode()]), f"multipart/mixed; boundary={outer}"


def answers(answer: httpx.Response, count: int, version: str) -> list[Part | None]:
    """The answer to each creation, in order; None for one that the answer does not have.

    :raises ConnectorProtocolError: it is no answer to a $batch.
    """
    if version == "4" and "json" in answer.headers.get("content-type", ""):
        return _json(answer.content, count)
    media_type = answer.headers.get("content-type", "")
    message = email.message_from_bytes(
        b"Content-Type: " + media_type.encode("latin-1") + b"\r\n\r\n" + answer.content,
        policy=email.policy.HTTP,
    )
    if not message.is_multipart():
        raise ConnectorProtocolError(
            f"The service answered a $batch with {media_type!r}.", todo="Set batch_size to 1."
        )
    found: list[Part | None] = []
    for part in message.iter_parts():
        inner = next(iter(part.iter_parts()), None) if part.get_content_maintype() == "multipart" else part
        found.append(_http(inner.get_payload(decode=True)) if inner is not None else None)
    return (found + [None] * count)[:count]


def _json(content: bytes, count: int) -> list[Part | None]:
    responses = at(plain(content, "$batch"), "responses")
    if not isinstance(responses, list):
        raise ConnectorProtocolError("The answer to a $batch has no responses.", todo="Set batch_size to 1.")
    found: dict[str, Part] = {}
    for one in responses:
        if isinstance(one, dict) and isinstance(one.get("status"), int):
            body = one.get("body")
            content = dump(body) if not isinstance(body, str) else body.encode()
            found[str(one.get("id"))] = Part(status=one["status"], content=content)
    return [found.get(str(number)) for number in range(count)]


def _http(payload: Any) -> Part | None:
    if not isinstance(payload, bytes):
        return None
    head, _, content = payload.replace(b"\r\n", b"\n").lstrip().partition(b"\n\n")
    words = head.split(b"\n", 1)[0].split()
    if len(words) < 2 or not words[1].isdigit():
        return None
    return Part(status=int(words[1]), content=content)
