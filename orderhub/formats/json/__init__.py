"""JSON order files: one document, an array, an object with a list of orders, or JSON Lines; and their side of the
mapping language.

What makes a record, and which keys it must have, stands in the mapping's ``source`` (see
:mod:`orderhub.formats.json.layout`).
"""

from __future__ import annotations

from orderhub.formats.json.dialect import JsonDialect
from orderhub.formats.json.layout import JsonLayout
from orderhub.formats.json.reader import JsonReader, JsonSession

__all__ = ["JsonDialect", "JsonLayout", "JsonReader", "JsonSession"]
