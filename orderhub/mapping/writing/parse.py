"""A mapping file that writes, to its parsed form.

Its fields have the names of the payload, so any name is possible there. A word of the language (``at``, ``each``, ``when``,
``where``, ``const``) that is meant as a name is written in quotes.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from orderhub.formats.dialect import SourceDeclaration
from orderhub.mapping.kinds import Kind
from orderhub.mapping.language import (
    Check,
    Constant,
    FieldMapping,
    Leaf,
    MappingFile,
    Part,
    Payload,
    Unmapped,
)
from orderhub.mapping.parse import MappingParser
from orderhub.yaml_file import Block, Entry, Mark, Scalar, Sequence, Value, is_null, plain

#: The format of the source, for those who ask: no reader has it.
DOCUMENT = "document"

_WORDS = ("at", "each", "when", "where", "const")
_SOURCE = ("document", "given")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,29})(\.[0-9]{1,29})?\Z")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class WritingParser(MappingParser):
    """See :class:`orderhub.mapping.parse.MappingParser`."""

    payload: Payload | None = None

    def _whole(self, **parts: Any) -> MappingFile:
        return MappingFile(**parts, payload=self.payload)

    def _source(self, value: Value | None, marks: dict[str, Mark]) -> SourceDeclaration | None:
        document: Scalar | None = None
        given: list[str] = []
        for key, entry in value if isinstance(value, Block) else ():
            self._marks(f"source.{key}", entry.value, marks)
            if key == "document" and isinstance(entry.value, Scalar) and not is_null(entry.value):
                document = entry.value
            elif key == "given":
                given = self._given(entry)
            elif key in _SOURCE:
                self.shape(
                    "'document' names a document.", "Write document: purchase_order.", entry.value.mark
                )
            else:
                self.problems.add(
                    "MAPPING_KEY",
                    f"There is no entry {key!r} in the source of a mapping that writes.",
                    f"The entries are {', '.join(_SOURCE)}.",
                    entry.key.mark,
                )
        if document is None:
            return None
        return SourceDeclaration(DOCUMENT, document.text, None, {"given": given})

    def _given(self, entry: Entry) -> list[str]:
        """The names of values that are handed in beside the document."""
        items = entry.value.items if isinstance(entry.value, Sequence) else []
        names = [item.text for item in items if isinstance(item, Scalar) and _NAME.match(item.text)]
        if not names or len(names) != len(items) or len(set(names)) != len(names):
            self.shape("'given' is a list of different names.", "Write given: [key].", entry.value.mark)
        return names

    def _target(self, value: Value | None, marks: dict[str, Mark]) -> str | None:
        if is_null(value) or value is None:
            return None
        written = value.get("format") if isinstance(value, Block) else None
        if not isinstance(value, Block) or not isinstance(written, Scalar) or is_null(written):
            self.shape(
                "'target' names a format.",
                "Write target: {format: json} or target: {format: xml, root: Order}.",
                value.mark,
            )
            return None
        for key, entry in value:
            self._marks(f"target.{key}", entry.value, marks)
        marks["target"] = value.mark
        options = {key: plain(entry.value) for key, entry in value if key != "format"}
        self.payload = Payload(written.text, options)
        return written.text

    def _fields(self, block: Block, depth: int) -> dict[str, FieldMapping]:
        fields: dict[str, FieldMapping] = {}
        for key, entry in block:
            if depth and _is_word(entry.key):
                continue
            field = self._field(entry.key, entry.value, depth)
            if field is not None:
                fields[key] = field
        return fields

    def _field(self, key: Scalar, value: Value, depth: int) -> FieldMapping | None:
        if isinstance(value, Sequence):
            items = [self._field(key, item, depth) for item in value.items]
            if not items:
                self.shape(f"{key.text} is an empty list.", "Write its items, or remove it.", value.mark)
            return Part(
                key=key, fields={}, mark=value.mark, items=tuple(item for item in items if item is not None)
            )
        if isinstance(value, Scalar):
            return super()._field(key, value, depth)
        words = {word: entry for word, entry in value if _is_word(entry.key)}
        if "const" in words:
            return self._constant(key, value)
        leaves = {word: self._word(word, entry) for word, entry in words.items()}
        each, at = words.get("each"), words.get("at")
        if each is not None and at is not None:
            self.shape(
                "Here stand both 'at' and 'each'.",
                "Keep one: 'at' for one part, 'each' for a list.",
                value.mark,
            )
        if each is None and "where" in words:
            self.shape(
                "'where' chooses among the items of 'each', and here is none.",
                "Write 'when'.",
                words["where"].key.mark,
            )
        part = Part(
            key=key,
            fields=self._fields(value, depth + 1),
            mark=value.mark,
            at=at.value if at is not None and isinstance(at.value, Scalar) else None,
            each=each.value if each is not None and isinstance(each.value, Scalar) else None,
            when=leaves.get("when"),
            where=leaves.get("where"),
            over=leaves.get("each"),
        )
        if not part.fields and self.problems.ok:
            self.shape(f"{key.text} has no fields.", "Write them indented below it.", value.mark)
        return part

    def _word(self, word: str, entry: Entry) -> Leaf | None:
        if not isinstance(entry.value, Scalar) or is_null(entry.value):
            what = {"at": "a path", "each": "a list"}.get(word, "a condition")
            self.shape(
                f"'{word}' is {what} of the document.",
                f"Write {word}: and {what}; a name {word!r} of the payload stands in quotes.",
                entry.value.mark,
            )
            return None
        expression = self._expression(entry.value)
        return None if expression is None else Leaf(entry.key, entry.value, expression)

    def _constant(self, key: Scalar, value: Block) -> Constant | None:
        found = super()._constant(key, value)
        if found is None or found.scalar.quoted or found.scalar.block:
            return found
        text = found.scalar.text
        if isinstance(found.value, str) and _NUMBER.match(text):
            return Constant(found.key, found.scalar, Decimal(text))
        return found

    def _checks(self, value: Value | None) -> tuple[Check, ...]:
        if value is not None and not is_null(value):
            self.shape(
                "A mapping that writes has no checks.",
                "Write | required behind what must be there; the rules for documents stand in the suite.",
                value.mark,
            )
        return ()

    def _unmapped(self, value: Value | None, marks: dict[str, Mark]) -> tuple[Unmapped, dict[str, Unmapped]]:
        if value is not None and not is_null(value):
            self.shape("A mapping that writes has no 'unmapped'.", "Remove it.", value.mark)
        return "ignore", {}


def _is_word(key: Scalar) -> bool:
    return not key.quoted and key.text in _WORDS


def constant_kind(value: object) -> Kind:
    """What a constant of the file is."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.INTEGER
    return Kind.DECIMAL if isinstance(value, Decimal) else Kind.TEXT
