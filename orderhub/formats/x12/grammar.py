"""X12's releases: the tables in ``schemas/x12``, written by ``tools/x12_grammar.py``."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from orderhub.errors import ConfigError
from orderhub.formats.edi.grammar import Kind
from orderhub.formats.edi.tables import EMPTY, Tables, ValueType, load_table

#: Where the tables lie in a checkout.
GRAMMAR_FOLDER = Path(__file__).resolve().parents[3] / "schemas" / "x12"

_KINDS: dict[str, Kind] = {"AN": "an", "ID": "an", "R": "r", "N": "i", "DT": "dt", "TM": "tm"}
_TYPE = re.compile(r"(AN|ID|R|N|DT|TM)([0-9]?) ([0-9]+)/([0-9]+)")


def parse_type(text: str) -> ValueType:
    """``AN 1/30`` (1 to 30 characters), ``N2 1/15`` (digits, the last two of them decimals), ``DT 8/8``."""
    match = _TYPE.fullmatch(text)
    if match is None:
        raise ConfigError(f"{text!r} is no element type.", todo="Make the grammar tables again.")
    least = int(match[3])
    return ValueType(_KINDS[match[1]], 0 if least == 1 else least, int(match[4]), int(match[2] or 0))


@lru_cache(maxsize=32)
def release_tables(release: str, folder: Path = GRAMMAR_FOLDER) -> Tables | None:
    """The tables of a release (``004010``), ``None`` when there are none."""
    if not re.fullmatch("[0-9]{6}", release) or not (folder / f"{release}.json").is_file():
        return None
    table = load_table(folder / f"{release}.json")
    return Tables(table["release"], table, EMPTY, parse_type)


@lru_cache(maxsize=2)
def service_tables(folder: Path = GRAMMAR_FOLDER) -> Tables:
    """The segments around transaction sets (GS, GE, IEA), the same in every release."""
    return Tables("service", EMPTY, load_table(folder / "service.json"), parse_type)


def releases(folder: Path = GRAMMAR_FOLDER) -> list[str]:
    """The releases that there are tables for."""
    return sorted(path.stem for path in folder.glob("[0-9]*.json"))
