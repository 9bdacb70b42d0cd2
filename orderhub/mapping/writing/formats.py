"""The formats that a mapping can write. A format's package is imported when its first mapping is compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orderhub.formats.target import TargetFormat


def _json(options: Mapping[str, Any]) -> TargetFormat:
    from orderhub.formats.json.writer import JsonTarget

    return JsonTarget.from_options(options)


def _xml(options: Mapping[str, Any]) -> TargetFormat:
    from orderhub.formats.xml.writer import XmlTarget

    return XmlTarget.from_options(options)


def _csv(options: Mapping[str, Any]) -> TargetFormat:
    from orderhub.formats.csv.writer import CsvTarget

    return CsvTarget.from_options(options)


#: By name: the entries of ``target`` -> the format; :class:`orderhub.formats.dialect.DeclarationError` when they are wrong.
TARGETS: dict[str, Callable[[Mapping[str, Any]], TargetFormat]] = {"json": _json, "xml": _xml, "csv": _csv}
