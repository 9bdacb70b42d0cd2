"""The table of connectors: connector × capability × passed against which real peer, made by the run of the contract tests.

pytest hooks; a ``conftest.py`` takes them with ``from orderhub.testing.matrix import *``. The table stands at the end of the
run, and as Markdown in ``.orderhub/connector-matrix.md`` or the file that ``ORDERHUB_CONNECTOR_MATRIX`` names. What was
skipped is said, never counted as passed.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orderhub.connector import Capability
from orderhub.testing.contract.base import NOT_SHOWN, PARTLY, PEER, ContractBase

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_logreport", "pytest_terminal_summary"]

VARIABLE = "ORDERHUB_CONNECTOR_MATRIX"
DEFAULT = Path(".orderhub") / "connector-matrix.md"

#: Columns: what every connector must do, whether the intake may ask it, and the capabilities.
GENERAL = "basics"
WAITING = "waiting"
COLUMNS = (GENERAL, "PULL", "INCREMENTAL", WAITING, "LOAD", "UPSERT", "FIND", "REPLY")

_CONTRACT = "orderhub_contract"


@dataclass(slots=True)
class Cell:
    """How the tests of one capability went."""

    passed: int = 0
    failed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    not_shown: dict[str, None] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """Short, for the table."""
        parts: list[str] = []
        if self.failed:
            parts.append(f"{self.failed} FAILED")
        if self.skipped:
            parts.append(f"{sum(self.skipped.values())} SKIPPED")
        if self.passed:
            parts.append(f"{self.passed} passed")
        return ", ".join(parts) or "–"


class Matrix:
    """Collects reports; ``lines`` gives the table."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], dict[str, Cell]] = {}
        self._peers: dict[tuple[str, str], dict[str, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._cells)

    def add(self, report: pytest.TestReport) -> None:
        """Take note of a report of a contract test; others are none of the table's."""
        properties = dict(report.user_properties)
        told = properties.get(_CONTRACT)
        if not isinstance(told, Mapping):
            return
        row = (str(told["connector"]), str(told["class"]))
        cell = self._cells.setdefault(row, {}).setdefault(str(told["column"]), Cell())
        peers = self._peers.setdefault(row, {})
        if properties.get(PEER):
            peers[str(properties[PEER])] = None
        if report.failed:
            cell.failed += 1
        elif report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            reason = reason.removeprefix("Skipped: ")
            cell.skipped[reason] = cell.skipped.get(reason, 0) + 1
        elif report.when == "call":
            told_of = {name for name, _ in report.user_properties}
            cell.not_shown |= {
                str(value): None
                for name, value in report.user_properties
                if name in (NOT_SHOWN, PARTLY) and value
            }
            cell.passed += NOT_SHOWN not in told_of

    def rows(self) -> list[tuple[str, str, str, dict[str, Cell]]]:
        """Connector, test class, peer and cells by column, sorted."""
        return [
            (
                connector,
                test,
                ", ".join(self._peers[connector, test]) or self._nobody(self._cells[connector, test]),
                self._cells[connector, test],
            )
            for connector, test in sorted(self._cells)
        ]

    @staticmethod
    def _nobody(cells: Mapping[str, Cell]) -> str:
        ran = any(cell.passed or cell.failed for cell in cells.values())
        return "not named" if ran else "nothing: not run"

    def markdown(self) -> str:
        """The table and what stands below it."""
        used = [column for column in COLUMNS if any(column in cells for *_, cells in self.rows())]
        lines = [
            "# Connectors and what they were tested against",
            "",
            "Made by the run of the contract tests (`tests/contract`), each against the real thing. A number is how many",
            "tests passed; an empty field: the connector does not have the capability; a dash: nothing was shown.",
            f"Python {platform.python_version()}.",
            "",
            "| Connector | Test | Against | " + " | ".join(used) + " |",
            "|---|---|---|" + "---|" * len(used),
        ]
        for connector, test, peer, cells in self.rows():
            marks = " | ".join(cells[column].mark if column in cells else "" for column in used)
            lines.append(f"| {connector} | {test} | {peer} | {marks} |")
        for title, notes in (
            (
                "Skipped",
                self._notes(lambda cell: [f"{why} ({count})" for why, count in cell.skipped.items()]),
            ),
            ("Not shown", self._notes(lambda cell: list(cell.not_shown))),
        ):
            if notes:
                lines += ["", f"## {title}", "", *notes]
        return "\n".join(lines) + "\n"

    def summary(self) -> list[str]:
        """The table for the end of a run."""
        lines: list[str] = []
        for connector, test, peer, cells in self.rows():
            marks = "  ".join(f"{column} {cells[column].mark}" for column in COLUMNS if column in cells)
            lines.append(f"{connector} ({test}) against {peer}: {marks}")
        lines += [
            note.removeprefix("- ")
            for note in self._notes(
                lambda cell: [f"SKIPPED: {why} ({count})" for why, count in cell.skipped.items()]
            )
        ]
        return lines

    def _notes(self, of: Callable[[Cell], list[str]]) -> list[str]:
        found: dict[str, None] = {}
        for connector, test, _, cells in self.rows():
            for column in COLUMNS:
                for note in of(cells[column]) if column in cells else ():
                    found[f"- {connector} ({test}), {column}: {note}"] = None
        return list(found)


_matrix = Matrix()


def column_of(test: object) -> str:
    """Where the result of a contract test belongs: the last of the capabilities that it needs."""
    if "waiting" in str(getattr(test, "__qualname__", "")).partition(".")[0].lower():
        return WAITING
    needed = getattr(test, "needs", None)
    if not isinstance(needed, Capability):
        return GENERAL
    return str(list(needed)[-1].name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every contract test says what it is one of, also when it is skipped before it began."""
    for item in items:
        cls = getattr(item, "cls", None)
        if cls is None or not issubclass(cls, ContractBase) or not isinstance(item, pytest.Function):
            continue
        if any(item.originalname in vars(base) for base in cls.__mro__ if issubclass(base, ContractBase)):
            told = {
                "connector": getattr(cls, "connector", ""),
                "class": cls.__name__,
                "column": column_of(item.function),
            }
            item.user_properties.append((_CONTRACT, told))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take note."""
    if report.when == "call" or not report.passed:
        _matrix.add(report)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the table, and write it."""
    if not _matrix:
        return
    terminalreporter.section("connectors")
    for line in _matrix.summary():
        terminalreporter.write_line(line, red="FAILED" in line, yellow="SKIPPED" in line)
    root = terminalreporter.config.rootpath
    path = root / os.environ.get(VARIABLE, str(DEFAULT))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_matrix.markdown(), encoding="utf-8")
    terminalreporter.write_line(f"written: {path}")
