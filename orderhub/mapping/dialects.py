"""The formats that mappings can be written for. A format's package is imported when its first mapping is compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orderhub.formats.dialect import Dialect


def _edifact() -> Dialect:
    from orderhub.formats.edifact.dialect import EdifactDialect

    return EdifactDialect()


def _x12() -> Dialect:
    from orderhub.formats.x12.dialect import X12Dialect

    return X12Dialect()


def _csv() -> Dialect:
    from orderhub.formats.csv.dialect import CsvDialect

    return CsvDialect()


def _xml() -> Dialect:
    from orderhub.formats.xml.dialect import XmlDialect

    return XmlDialect()


def _json() -> Dialect:
    from orderhub.formats.json.dialect import JsonDialect

    return JsonDialect()


_FACTORIES = {"edifact": _edifact, "x12": _x12, "csv": _csv, "json": _json, "xml": _xml}


class Dialects(Mapping[str, Dialect]):
    """All formats by name, made on demand."""

    def __init__(self) -> None:
        self._made: dict[str, Dialect] = {}

    def __getitem__(self, name: str) -> Dialect:
        if name not in self._made:
            self._made[name] = _FACTORIES[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_FACTORIES)

    def __len__(self) -> int:
        return len(_FACTORIES)

    def __contains__(self, name: object) -> bool:
        return name in _FACTORIES
