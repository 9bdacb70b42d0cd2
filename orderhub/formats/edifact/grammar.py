"""EDIFACT's directories: the tables in ``schemas/edifact``, written by ``tools/edifact_grammar.py``."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from orderhub.errors import ConfigError
from orderhub.formats.edi.tables import EMPTY, Tables, ValueType, load_table

#: Where the tables lie in a checkout.
GRAMMAR_FOLDER = Path(__file__).resolve().parents[3] / "schemas" / "edifact"


def parse_type(text: str) -> ValueType:
    """``an..35`` (up to 35 characters), ``n8`` (exactly 8 digits)."""
    match = re.fullmatch(r"(an|a|n)(\.\.)?(\d+)", text)
    if match is None:
        raise ConfigError(f"{text!r} is no element type.", todo="Make the grammar tables again.")
    length = int(match[3])
    return ValueType(match[1], 0 if match[2] else length, length)  # type: ignore[arg-type]  # the pattern allows only these


@lru_cache(maxsize=32)
def directory(release: str, syntax_version: str = "3", folder: Path = GRAMMAR_FOLDER) -> Tables | None:
    """The tables of a release (``D.96A``), ``None`` when there are none."""
    if not re.fullmatch(r"D\.[0-9]{2}[AB]", release) or not (folder / f"{release}.json").is_file():
        return None
    table = load_table(folder / f"{release}.json")
    return Tables(table["directory"], table, _service(syntax_version, folder), parse_type)


@lru_cache(maxsize=8)
def service_directory(syntax_version: str = "3", folder: Path = GRAMMAR_FOLDER) -> Tables:
    """Only the service segments and messages (UNB, UNZ, CONTRL …)."""
    return Tables("service", EMPTY, _service(syntax_version, folder), parse_type)


@lru_cache(maxsize=8)
def _service(syntax_version: str, folder: Path) -> dict[str, Any]:
    return load_table(folder / ("service_v4.json" if syntax_version == "4" else "service_v3.json"))


def releases(folder: Path = GRAMMAR_FOLDER) -> list[str]:
    """The directories that there are tables for."""
    return sorted(path.stem for path in folder.glob("D.*.json"))
