"""The value at a canonical path of a document, as text."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

from orderhub.documents.registry import Document
from orderhub.documents.serialise import decimal_text

_STEP = re.compile(r"([a-z_]+)(?:\[(\d+)\])?")


def value_text(document: Document, field: str) -> str | None:
    """The value at a canonical path as the document has it (``lines[2].quantity``), as text; None for an absent one
    and for what is no single value."""
    value: Any = document
    for name, index in _STEP.findall(field):
        value = getattr(value, name, None)
        if index and isinstance(value, list):
            value = value[int(index)] if int(index) < len(value) else None
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, (str, int)):
        return str(value)
    return value.isoformat() if isinstance(value, dt.date) else None
