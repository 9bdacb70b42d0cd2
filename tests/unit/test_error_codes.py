"""Every code that the program can say stands in docs/reference/errors.md, and the page names no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from orderhub.ledger.inbox_reasons import WORDS

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "reference" / "errors.md"
CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\Z")
#: The first words of the codes that the program says.
FAMILIES = (
    "EDIFACT_", "X12_", "CSV_", "JSON_", "XML_", "VALUE_", "CHECK_", "MAPPING", "LOOKUP_", "FLOW_", "LEDGER", "ARCHIVE", "CONNECTOR", "TRYTON_",
    "SOAP_",
    "SOURCE_", "BUNDLE_", "FORMAT_", "FILE_", "PULL_", "LIMIT_", "TRANSLATE_", "DOCUMENT_", "INTERCHANGE_", "ANSWER_", "REPLY_",
)  # fmt: skip
#: What readers of formats say and what never keeps a file back: it is said of files that are read all the same.
FORMATS = ("EDIFACT_", "X12_", "CSV_", "JSON_", "XML_", "BUNDLE_")
NOTES = {"EDIFACT_GRAMMAR_UNKNOWN", "X12_GRAMMAR_UNKNOWN", "XML_DTD_NOT_LOADED"}
#: Not codes, though they look like them.
OTHERS = {"DOCUMENT_TYPES"}


def _said() -> Iterator[str]:
    for top in ("orderhub", "connectors"):
        for path in sorted((PROJECT / top).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                    continue
                if CODE.match(node.value) and node.value.startswith(FAMILIES) and node.value not in OTHERS:
                    yield node.value


def test_every_code_is_explained() -> None:
    explained = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", PAGE.read_text(encoding="utf-8")))
    assert sorted(set(_said()) - explained) == []


def test_the_page_explains_no_code_that_is_never_said() -> None:
    explained = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", PAGE.read_text(encoding="utf-8")))
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for top in ("orderhub", "connectors")
        for path in (PROJECT / top).rglob("*.py")
    )
    assert sorted(code for code in explained - {"HTTP"} if f'"{code}"' not in source) == []


def test_what_keeps_a_file_back_has_words_for_the_pages() -> None:
    assert sorted({code for code in _said() if code.startswith(FORMATS)} - NOTES - set(WORDS)) == []
