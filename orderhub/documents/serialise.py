"""Canonical bytes of a document: one byte string per content, whatever way it was built.

Decimals are written without exponent and without trailing zeros, so that ``10``, ``10.0`` and ``1E+1`` are the same
content; keys stand in the order of the definition; absent values are left out.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

import msgspec

from orderhub.documents.registry import Document, document_type


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


def canonical_bytes(document: Document) -> bytes:
    """The document as UTF-8 JSON, the same bytes for the same content."""
    plain = msgspec.to_builtins(document, builtin_types=(Decimal,))
    return _encoder.encode(_builtin(plain))


def content_hash(canonical: bytes) -> str:
    """SHA-256 of canonical bytes, hex."""
    return hashlib.sha256(canonical).hexdigest()


def from_canonical(name: str, canonical: bytes) -> Document:
    """A document back from its canonical bytes; ``msgspec.ValidationError`` when they do not fit the definition."""
    return msgspec.json.decode(canonical, type=document_type(name))
