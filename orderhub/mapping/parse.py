"""A mapping file to its parsed form. Finds everything that can be seen without source grammar and target schema."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from orderhub.formats.dialect import SourceDeclaration
from orderhub.mapping.expressions import Expression, Text, parse_expression
from orderhub.mapping.language import Check, Constant, FieldMapping, Leaf, MappingFile, Part, Unmapped
from orderhub.mapping.problems import MappingRefused, Problems, close_to
from orderhub.mapping.tokens import ExpressionError
from orderhub.yaml_file import (
    Block,
    Mark,
    Scalar,
    Sequence,
    Value,
    YamlError,
    is_null,
    parse_yaml,
    plain,
    read_yaml,
)

_HEAD = ("mapping", "version", "description", "source", "target", "fields", "checks", "unmapped")
#: What a part of the document says about itself, beside its fields.
_PART = ("at", "each", "when", "where")
_LEVELS = ("ignore", "warn", "error")
_SEVERITIES = ("error", "warning", "info")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


def load_mapping(path: Path, *, label: str | None = None) -> MappingFile:
    """Read and parse a mapping file; :class:`MappingRefused` with all findings when it is none."""
    name = label or str(path)
    problems = Problems(name)
    mapping = parse_mapping_file(path, problems, label=name)
    if mapping is None or not problems.ok:
        raise MappingRefused(path.stem, problems.sorted(), file=name)
    return mapping


def parse_mapping_file(path: Path, problems: Problems, *, label: str) -> MappingFile | None:
    """Parse into ``problems``; ``None`` when nothing can be made of it."""
    try:
        written = read_yaml(path, name=label)
    except YamlError as error:
        problems.findings.append(error.as_finding())
        return None
    return parse_mapping(written, name=path.stem, problems=problems)


def parse_mapping(text: str | bytes, *, name: str, problems: Problems) -> MappingFile | None:
    """The same for a text that is not in a file (an editor's buffer); ``name`` is the mapping's name."""
    try:
        tree = parse_yaml(text, name=problems.file)
    except YamlError as error:
        problems.findings.append(error.as_finding())
        return None
    written = text.encode() if isinstance(text, str) else text
    return _parser(tree)(problems, stem=name, written=written).mapping(tree)


def _parser(tree: Value) -> type[MappingParser]:
    """Which way the mapping goes shows its source."""
    source = tree.get("source") if isinstance(tree, Block) else None
    if isinstance(source, Block) and "document" in source.entries:
        from orderhub.mapping.writing.parse import WritingParser

        return WritingParser
    return MappingParser


class MappingParser:
    """One file that reads; :class:`orderhub.mapping.writing.parse.WritingParser` is for one that writes."""

    def __init__(self, problems: Problems, *, stem: str, written: bytes) -> None:
        self.problems = problems
        self.stem = stem
        self.written = written

    def shape(self, what: str, todo: str, mark: Mark) -> None:
        self.problems.add("MAPPING_SHAPE", what, todo, mark)

    def mapping(self, tree: Value) -> MappingFile | None:
        if not isinstance(tree, Block):
            self.shape("A mapping file is a map.", f"It has the keys {', '.join(_HEAD)}.", tree.mark)
            return None
        for key, entry in tree:
            if key not in _HEAD:
                self.problems.add(
                    "MAPPING_KEY",
                    f"There is no entry {key!r} in a mapping.",
                    f"The entries are {', '.join(_HEAD)}.",
                    entry.key.mark,
                    suggestions=close_to(key, _HEAD),
                )
        for key in ("mapping", "version", "source", "target", "fields"):
            if is_null(tree.get(key)):
                self.shape(f"The entry {key!r} is missing.", "Add it.", tree.mark)
        marks = {key: entry.key.mark for key, entry in tree}
        name = self._name(tree.get("mapping"))
        version = self._version(tree.get("version"))
        source = self._source(tree.get("source"), marks)
        target = self._target(tree.get("target"), marks)
        fields_value = tree.get("fields")
        fields: dict[str, FieldMapping] = {}
        if isinstance(fields_value, Block):
            fields = self._fields(fields_value, 0)
        elif not is_null(fields_value) and fields_value is not None:
            self.shape(
                "'fields' is a map of target fields.", "Write them indented below it.", fields_value.mark
            )
        checks = self._checks(tree.get("checks"))
        unmapped, segments = self._unmapped(tree.get("unmapped"), marks)
        description = tree.get("description")
        if source is None or target is None:
            return None
        return self._whole(
            path=self.problems.file,
            name=name,
            version=version,
            source=source,
            target=target,
            fields=fields,
            checks=checks,
            unmapped=unmapped,
            unmapped_segments=segments,
            marks=marks,
            description=description.text if isinstance(description, Scalar) else None,
            written=self.written,
        )

    def _whole(self, **parts: Any) -> MappingFile:
        return MappingFile(**parts)

    def _name(self, value: Value | None) -> str:
        if is_null(value) or value is None:
            return self.stem
        if not isinstance(value, Scalar) or not _NAME.match(value.text):
            self.shape(
                "The mapping's name is one word.", "Use letters, digits, '_', '-' and '.'.", value.mark
            )
            return self.stem
        if value.text != self.stem:
            self.shape(
                f"The mapping is called {value.text!r} but its file {self.stem!r}.",
                "Give both the same name.",
                value.mark,
            )
        return value.text

    def _version(self, value: Value | None) -> int:
        if is_null(value) or value is None:
            return 0
        if (
            isinstance(value, Scalar)
            and not value.quoted
            and value.text.isascii()
            and value.text.isdigit()
            and 0 < int(value.text[:10]) < 1_000_000
            and len(value.text) < 8
        ):
            return int(value.text)
        self.shape("The version is a whole number from 1.", "Write version: 1.", value.mark)
        return 0

    def _source(self, value: Value | None, marks: dict[str, Mark]) -> SourceDeclaration | None:
        if is_null(value) or value is None:
            return None
        if not isinstance(value, Block):
            self.shape(
                "'source' is a map.",
                "Write source: {format: edifact, message: ORDERS, release: D.96A}.",
                value.mark,
            )
            return None
        options: dict[str, object] = {}
        texts: dict[str, str | None] = {"format": None, "message": None, "release": None}
        for key, entry in value:
            self._marks(f"source.{key}", entry.value, marks)
            if key not in texts:
                options[key] = plain(entry.value)
            elif isinstance(entry.value, Scalar) and not is_null(entry.value):
                texts[key] = entry.value.text
            else:
                self.shape(f"'{key}' is a text.", "Write one.", entry.value.mark)
        if texts["format"] is None:
            self.shape("The source has no format.", "Write source: {format: edifact, …}.", value.mark)
            return None
        return SourceDeclaration(texts["format"], texts["message"], texts["release"], options)

    def _marks(self, path: str, value: Value, marks: dict[str, Mark]) -> None:
        """Where each entry of the source stands, however deep (``source.files.header.columns``)."""
        marks[path] = value.mark
        if isinstance(value, Block):
            for key, entry in value:
                self._marks(f"{path}.{key}", entry.value, marks)

    def _target(self, value: Value | None, marks: dict[str, Mark]) -> str | None:
        if is_null(value) or value is None:
            return None
        document = value.get("document") if isinstance(value, Block) else None
        if not isinstance(document, Scalar) or is_null(document):
            self.shape("'target' names a document.", "Write target: {document: purchase_order}.", value.mark)
            return None
        marks["target.document"] = document.mark
        if isinstance(value, Block):
            for key, entry in value:
                if key != "document":
                    self.problems.add(
                        "MAPPING_KEY", f"There is no entry {key!r} in target.", "Remove it.", entry.key.mark
                    )
        return document.text

    def _fields(self, block: Block, depth: int) -> dict[str, FieldMapping]:
        fields: dict[str, FieldMapping] = {}
        for key, entry in block:
            if depth and key in _PART:
                continue
            field = self._field(entry.key, entry.value, depth)
            if field is not None:
                fields[key] = field
        return fields

    def _field(self, key: Scalar, value: Value, depth: int) -> FieldMapping | None:
        if is_null(value):
            self.shape(f"{key.text} has no value.", "Write an expression, or remove the line.", key.mark)
            return None
        if isinstance(value, Scalar):
            expression = self._expression(value)
            return None if expression is None else Leaf(key, value, expression)
        if isinstance(value, Sequence):
            self.shape(
                f"{key.text} is a list here.",
                "A list of parts is written with 'each', a list of values with one expression.",
                value.mark,
            )
            return None
        if "const" in value.entries:
            return self._constant(key, value)
        for word in _PART:
            inner = value.get(word)
            if inner is not None and (not isinstance(inner, Scalar) or is_null(inner)):
                what, todo = (
                    ("a path", "the group") if word in ("at", "each") else ("a condition", "a comparison")
                )
                self.shape(f"'{word}' is {what}.", f"Write {word}: and {todo}.", inner.mark)
        at, each = value.get("at"), value.get("each")
        if at is not None and each is not None:
            self.shape(
                "Here stand both 'at' and 'each'.",
                "Keep one: 'at' for one group, 'each' for a list.",
                value.mark,
            )
        if at is None and each is None and (where := value.get("where")) is not None:
            self.shape(
                "'where' chooses among groups, and here is neither 'at' nor 'each'.",
                "Write 'when'.",
                where.mark,
            )
        return Part(
            key=key,
            fields=self._fields(value, depth + 1),
            mark=value.mark,
            at=at if isinstance(at, Scalar) and not is_null(at) else None,
            each=each if isinstance(each, Scalar) and not is_null(each) else None,
            when=self._condition(value, "when"),
            where=self._condition(value, "where"),
        )

    def _condition(self, part: Block, word: str) -> Leaf | None:
        entry = part.entries.get(word)
        if entry is None or not isinstance(entry.value, Scalar) or is_null(entry.value):
            return None
        expression = self._expression(entry.value)
        return None if expression is None else Leaf(entry.key, entry.value, expression)

    def _constant(self, key: Scalar, value: Block) -> Constant | None:
        inner = value.entries["const"].value
        if len(value.entries) > 1:
            self.shape("Beside 'const' there is nothing else.", "Remove the other entries.", value.mark)
        if not isinstance(inner, Scalar) or is_null(inner):
            self.shape("A constant is one value.", "Write {const: X}.", inner.mark)
            return None
        return Constant(key, inner, plain(inner))

    def _expression(self, scalar: Scalar) -> Expression | None:
        try:
            expression = parse_expression(scalar.text)
        except ExpressionError as error:
            self.problems.add(error.code, error.what, error.todo, scalar.at(error.offset))
            return None
        if isinstance(expression, Text):
            self.shape(
                f"A text alone is a constant: {scalar.text}.",
                f"Write {{const: {expression.value}}}.",
                scalar.mark,
            )
            return None
        return expression

    def _checks(self, value: Value | None) -> tuple[Check, ...]:
        if is_null(value) or value is None:
            return ()
        if not isinstance(value, Sequence):
            self.shape("'checks' is a list.", "Begin each check with '- '.", value.mark)
            return ()
        checks = [check for item in value.items if (check := self._check(item)) is not None]
        return tuple(checks)

    def _check(self, item: Value) -> Check | None:
        if isinstance(item, Scalar):
            expression = self._expression(item)
            return None if expression is None else Check(item, expression)
        if not isinstance(item, Block):
            self.shape("A check is an expression.", "Write - count(lines) > 0.", item.mark)
            return None
        texts: dict[str, Scalar] = {}
        for key, entry in item:
            if key not in ("check", "severity", "message", "name"):
                self.problems.add(
                    "MAPPING_KEY",
                    f"There is no entry {key!r} in a check.",
                    "The entries are check, severity, message, name.",
                    entry.key.mark,
                    suggestions=close_to(key, ("check", "severity", "message", "name")),
                )
            elif isinstance(entry.value, Scalar) and not is_null(entry.value):
                texts[key] = entry.value
            else:
                self.shape(f"'{key}' is a text.", "Write one.", entry.value.mark)
        if "check" not in texts:
            self.shape("The check has no 'check'.", "Write {check: …, severity: warning}.", item.mark)
            return None
        severity = texts["severity"].text if "severity" in texts else "error"
        if severity not in _SEVERITIES:
            self.shape(
                f"There is no severity {severity!r}.", "Write error, warning or info.", texts["severity"].mark
            )
            severity = "error"
        expression = self._expression(texts["check"])
        if expression is None:
            return None
        return Check(
            scalar=texts["check"],
            expression=expression,
            severity=severity,  # type: ignore[arg-type]  # narrowed by the test against _SEVERITIES
            message=texts["message"].text if "message" in texts else None,
            name=texts["name"].text if "name" in texts else None,
        )

    def _unmapped(self, value: Value | None, marks: dict[str, Mark]) -> tuple[Unmapped, dict[str, Unmapped]]:
        if is_null(value) or value is None:
            return "warn", {}
        if isinstance(value, Scalar):
            return self._level(value), {}
        if isinstance(value, Sequence):
            self.shape("'unmapped' is one word or a map.", "Write ignore, warn or error.", value.mark)
            return "warn", {}
        levels: dict[str, Unmapped] = {}
        for key, entry in value:
            marks[f"unmapped.{key}"] = entry.key.mark
            if isinstance(entry.value, Scalar):
                levels[key] = self._level(entry.value)
            else:
                self.shape(
                    "'unmapped' is one word per segment.", "Write ignore, warn or error.", entry.value.mark
                )
        default = levels.pop("default", "warn")
        return default, levels

    def _level(self, value: Scalar) -> Unmapped:
        if value.text in _LEVELS:
            return cast("Unmapped", value.text)
        self.problems.add(
            "MAPPING_SHAPE",
            f"'unmapped' cannot be {value.text!r}.",
            "Write ignore, warn or error.",
            value.mark,
            suggestions=close_to(value.text, _LEVELS),
        )
        return "warn"
