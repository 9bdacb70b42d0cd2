"""Canonical bytes of a document: one byte string per content, whatever way it was built.

Decimals are written without exponent and without trailing zeros, so that ``10``, ``10.0`` and ``1E+1`` are the same
content; keys stand in the order of the definition; absent values are left out, and so is a text that equals the
definition's default (a mapping that writes ``function: original`` out says no more than one that leaves it to the default).
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from functools import cache

import msgspec

from orderhub.documents.registry import Document, DocumentType, document_type


def decimal_text(value: Decimal) -> str:
    """A decimal without exponent and trailing zeros: ``Decimal('1E+1')`` is ``'10'``, ``Decimal('2.50')`` ``'2.5'``."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _builtin(value: object) -> object:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, dict):
        return {key: _builtin(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_builtin(item) for item in value]
    return value


_encoder = msgspec.json.Encoder(decimal_format="string")


@cache
def _text_defaults(cls: DocumentType) -> tuple[tuple[str, str], ...]:
    """The fields whose default is a text that says something, with it."""
    return tuple(
        (field.encode_name, field.default)
        for field in msgspec.structs.fields(cls)
        if isinstance(field.default, str) and field.default
    )


def canonical_bytes(document: Document) -> bytes:
    """The document as UTF-8 JSON, the same bytes for the same content."""
    plain = msgspec.to_builtins(document, builtin_types=(Decimal,))
    # msgspec leaves out the default object itself, not a text that merely equals it
    for name, default in _text_defaults(type(document)):
        if plain.get(name) == default:
            del plain[name]
    return _encoder.encode(_builtin(plain))


def content_hash(canonical: bytes) -> str:
    """SHA-256 of canonical bytes, hex."""
    return hashlib.sha256(canonical).hexdigest()


def from_canonical(name: str, canonical: bytes) -> Document:
    """A document back from its canonical bytes; ``msgspec.ValidationError`` when they do not fit the definition."""
    return msgspec.json.decode(canonical, type=document_type(name))
