"""Suites of business rules: ``schemas/expectations/<name>.json``, each a Great Expectations suite.

Every expectation's ``meta`` says what the hub needs: ``rule`` (stable id, the finding's code), ``frame`` (``orders`` or
``lines``; ``suppliers``, ``items``, ``stock``), ``field`` (of the document, or of the line), ``severity`` and ``message``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from orderhub.documents import Document
from orderhub.documents.values import value_text
from orderhub.errors import ConfigError
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger.validations import RuleCount
from orderhub.validate.frames import LINE_COLUMNS, NOTHING, ORDER_COLUMNS, frames
from orderhub.validate.record_frames import RECORD_COLUMNS
from orderhub.validate.reference import Reference

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_COLUMNS = {"orders": ORDER_COLUMNS, "lines": LINE_COLUMNS, **RECORD_COLUMNS}
#: Frames with one row a line.
_LINES = ("lines", "receipt_lines")
_KEYS = {frame: ["document", "index"] if frame in _LINES else ["document"] for frame in _COLUMNS}

#: So many broken rows of a rule are kept as examples.
EXAMPLES = 20


class ExpectationSuiteFile:
    """A suite as its file defines it, checked without Great Expectations (which takes seconds to import)."""

    def __init__(self, path: Path) -> None:
        self.file = path.name
        raw = _read(path)
        self.content = raw
        self.content_hash = hashlib.sha256(raw).hexdigest()
        try:
            content = json.loads(raw)
        except ValueError as error:
            line, column = getattr(error, "lineno", None), getattr(error, "colno", None)
            raise ConfigError(
                f"The suite is not JSON: {error}.",
                todo="Check commas and brackets.",
                place=Place(file=path.name, line=line, column=column),
            ) from error
        self.name: str = self._need(content, "name", str)
        if self.name != path.stem:
            raise self._wrong(
                f"The suite is named {self.name!r} but the file {path.name!r}.", "Let both be the same."
            )
        self.document: str = self._need(self._need(content, "meta", dict), "document", str)
        self.rules: dict[str, dict[str, Any]] = {}
        self.expectations: dict[str, list[dict[str, Any]]] = {frame: [] for frame in _COLUMNS}
        for entry in self._need(content, "expectations", list):
            self._add(entry)

    def _add(self, entry: dict[str, Any]) -> None:
        meta = self._need(entry, "meta", dict)
        rule = self._need(meta, "rule", str)
        if rule in self.rules:
            raise self._wrong(
                f"The rule {rule} stands here twice.", "Give each expectation an id of its own."
            )
        frame = self._need(meta, "frame", str)
        if frame not in _COLUMNS:
            raise self._wrong(
                f"The rule {rule} has the frame {frame!r}.", f"Write one of {', '.join(_COLUMNS)}."
            )
        self._need(meta, "field", str)
        self._need(meta, "message", str)
        if meta.get("severity", "error") not in [severity.value for severity in Severity]:
            raise self._wrong(f"The rule {rule} has an unknown severity.", "Write error, warning or info.")
        kwargs = self._need(entry, "kwargs", dict)
        named = [kwargs.get(key) for key in ("column", "column_A", "column_B")] + list(
            kwargs.get("column_list", [])
        )
        for column in named:
            if column is not None and column not in _COLUMNS[frame]:
                known = ", ".join(_COLUMNS[frame])
                raise self._wrong(f"The rule {rule} names the column {column!r}.", f"{frame} has: {known}.")
        self.rules[rule] = meta
        self.expectations[frame].append(
            {"type": self._need(entry, "type", str), "kwargs": kwargs, "meta": {"rule": rule}}
        )

    def _need(self, content: Any, key: str, kind: type) -> Any:
        value = content.get(key) if isinstance(content, dict) else None
        if not isinstance(value, kind):
            raise self._wrong(f"The suite has no {key!r} where one is needed.", "Compare with another suite.")
        return value

    def _wrong(self, what: str, todo: str) -> ConfigError:
        return ConfigError(what, todo=todo, place=Place(file=self.file))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The suite {path.stem!r} cannot be read: {error.strerror}.",
            todo="Suites stand in schemas/expectations/<name>.json.",
            place=Place(file=path.name),
        ) from error


def suite_path(folder: Path, name: str) -> Path:
    """Where a suite's file is.

    :raises ConfigError: when the name cannot be one.
    """
    if not NAME.match(name):
        raise ConfigError(
            f"{name!r} cannot be a suite's name.", todo="Use small letters, digits and underscores."
        )
    return folder / f"{name}.json"


class Judgement(msgspec.Struct, frozen=True):
    """What a suite says about documents: findings per document (ledger id), only for those that have some; how often each
    rule was looked at and broken; and Great Expectations' own result per frame, for the data docs.

    A finding's ``field`` is the canonical path of the value; its ``place`` is for the caller to fill in.
    """

    findings: dict[int, list[Finding]]
    rules: list[RuleCount]
    results: dict[str, Any]


class CompiledSuite:
    """A suite ready to run. Building the first one imports Great Expectations (seconds); the others are cheap."""

    def __init__(self, definition: ExpectationSuiteFile) -> None:
        self.definition = definition
        self.name = definition.name
        # two threads that validate at once would see each other's tables
        self._one_at_a_time = threading.Lock()
        with _great_expectations() as gx:
            context = gx.get_context(mode="ephemeral")
            context.variables.progress_bars = {"globally": False}
            source = context.data_sources.add_pandas("hub")
            self._parts: dict[str, tuple[Any, Any]] = {}
            for frame, expectations in definition.expectations.items():
                if not expectations:
                    continue
                suite = gx.ExpectationSuite(name=f"{self.name}_{frame}")
                for expectation in expectations:
                    suite.expectations.append(_expectation(expectation, definition))
                batch = source.add_dataframe_asset(frame).add_batch_definition_whole_dataframe("all")
                self._parts[frame] = (batch, suite)

    def run(
        self, documents: Sequence[tuple[int, Document]], reference: Reference = NOTHING
    ) -> dict[int, list[Finding]]:
        """The findings of :meth:`judge` alone."""
        return self.judge(documents, reference).findings

    def judge(self, documents: Sequence[tuple[int, Document]], reference: Reference = NOTHING) -> Judgement:
        """Run every rule over the documents (ledger id, document) at once."""
        tables = frames(documents, reference)
        by_id = dict(documents)
        judgement = Judgement(findings={}, rules=[], results={})
        with self._one_at_a_time, _great_expectations():
            for frame, (batch_definition, suite) in self._parts.items():
                table = tables[frame]
                if table.empty:
                    continue
                batch = batch_definition.get_batch(batch_parameters={"dataframe": table})
                result = batch.validate(
                    suite,
                    result_format={
                        "result_format": "COMPLETE",
                        "unexpected_index_column_names": _KEYS[frame],
                        "include_unexpected_rows": False,
                    },
                )
                for outcome in result.results:
                    if not outcome.success:
                        self._collect(frame, outcome, by_id, judgement.findings)
                    judgement.rules.append(_count(outcome, len(table)))
                judgement.results[frame] = shortened(result.to_json_dict())
        return judgement

    def _collect(
        self, frame: str, outcome: Any, documents: dict[int, Document], found: dict[int, list[Finding]]
    ) -> None:
        meta = self.definition.rules[outcome.expectation_config.meta["rule"]]
        exception = outcome.exception_info
        if exception and (
            exception.get("raised_exception")
            or any(isinstance(value, dict) and value.get("raised_exception") for value in exception.values())
        ):
            raise ConfigError(
                f"The rule {meta['rule']} could not be evaluated: {exception}.",
                todo="Check its kwargs against the frame's columns.",
                place=Place(file=self.definition.file),
            )
        for row in outcome.result.get("unexpected_index_list") or []:
            document = int(row["document"])
            field = meta["field"] if frame not in _LINES else f"lines[{int(row['index'])}].{meta['field']}"
            found.setdefault(document, []).append(
                Finding(
                    code=meta["rule"],
                    severity=Severity(meta.get("severity", "error")),
                    message=meta["message"],
                    rule=f"{self.name}/{meta['rule']}",
                    value=value_text(documents[document], field),
                    field=field,
                )
            )


def _count(outcome: Any, rows: int) -> RuleCount:
    found = outcome.result
    # rows that a rule does not concern (a missing value) are none that it looked at
    evaluated = int(found.get("element_count", rows)) - int(found.get("missing_count") or 0)
    return RuleCount(
        outcome.expectation_config.meta["rule"], evaluated, int(found.get("unexpected_count") or 0)
    )


def shortened(result: dict[str, Any]) -> dict[str, Any]:
    """A validation result whose lists of broken rows are examples: a batch may have thousands of them, and every one is a
    finding of its document already."""
    for outcome in result["results"]:
        details = outcome["result"]
        for key in ("unexpected_list", "unexpected_index_list", "partial_unexpected_list"):
            if isinstance(details.get(key), list):
                details[key] = details[key][:EXAMPLES]
        for key in ("unexpected_index_query", "partial_unexpected_index_list", "partial_unexpected_counts"):
            details.pop(key, None)
    return result


def _expectation(given: dict[str, Any], definition: ExpectationSuiteFile) -> Any:
    """One expectation. Built here because the suite's own constructor only logs what it cannot build."""
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        return ExpectationConfiguration(**given).to_domain_obj()
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise ConfigError(
            f"The rule {given['meta']['rule']} ({given['type']}) cannot be built: {error}.",
            todo="Check the expectation's type and kwargs.",
            place=Place(file=definition.file),
        ) from error


_compiled: dict[str, CompiledSuite] = {}


def compiled_suite(path: Path) -> CompiledSuite:
    """The suite of a file, compiled once per process and content (a worker that is forked later has it already).

    :raises ConfigError: the file is missing or wrong.
    """
    definition = ExpectationSuiteFile(path)
    key = f"{definition.name}:{definition.content_hash}"
    if key not in _compiled:
        _compiled[key] = CompiledSuite(definition)
    return _compiled[key]


@contextmanager
def _great_expectations() -> Iterator[Any]:
    """Great Expectations without its telemetry and without its deprecation warnings, which are its own affair."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

        yield gx
