"""The tutorial is true: every file of it is written and every command run, in order, and prints what the page shows.

In the page, a fence with ``title="path"`` is a file, one of the language ``diff`` a change of that file; in ``console``
fences a line after ``$`` is a command and what follows its output. ``…`` stands for anything within a line, alone for any
number of lines. A comment ``until it is so`` before a fence lets its commands be repeated for a while.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from erp_support import ORDERED, purchases, session
from hub_harness import PROJECT

from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PAGE = PROJECT / "docs" / "tutorial" / "first-mapping.md"
#: What a reader writes into is a copy; the rest is the project's own.
COPIED = ("flows", "mappings", "partners")
WAIT_SECONDS = 300.0
_FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass
class Step:
    """One fence of the page. ``line`` is where it stands."""

    line: int
    kind: str
    path: str
    text: str
    waits: bool
    commands: list[tuple[str, str]] = field(default_factory=list)


def steps(page: str) -> Iterator[Step]:
    for match in _FENCE.finditer(page):
        before = page[: match.start()]
        step = Step(
            line=before.count("\n") + 1,
            kind=match[1],
            path=match[2] or "",
            text=match[3],
            waits=before.rstrip().endswith("<!-- until it is so -->"),
        )
        if step.kind == "console":
            for part in re.split(r"^\$ ", step.text, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                step.commands.append((command, output))
        yield step


def expected(output: str) -> re.Pattern[str]:
    lines = []
    for line in output.splitlines():
        pieces = ".*?".join(re.escape(piece) for piece in line.rstrip().split("…"))
        lines.append(r"(?:.*\n)*?" if line.strip() == "…" else pieces + "\n")
    return re.compile("".join(lines))


def changed(text: str, diff: str, where: str) -> str:
    """The text with the lines of a diff replaced; its context must stand there exactly once."""
    old = "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] in " -")
    new = "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] in " +")
    assert text.count(old) == 1, f"{where}: these lines do not stand there once:\n{old}"
    return text.replace(old, new)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as a reader has it, with copies of what the tutorial writes into."""
    for entry in PROJECT.iterdir():
        if entry.name in COPIED:
            shutil.copytree(entry, tmp_path / entry.name)
        elif not entry.name.startswith("."):
            (tmp_path / entry.name).symlink_to(entry)
    return tmp_path


@pytest.fixture
def hub(checkout: Path, stack_with: Callable[..., AbstractContextManager[Stack]]) -> Iterator[Stack]:
    """Everything up, on the reader's files."""
    folders = {f"{name}_folder": checkout / name for name in COPIED}
    with stack_with(**folders) as stack:
        (checkout / ".orderhub").symlink_to(stack.folder.path)
        yield stack


def shell(command: str, checkout: Path, hub: Stack) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=checkout,
        env=os.environ | hub.environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return "".join(f"{line.rstrip()}\n" for line in (done.stdout + done.stderr).splitlines())


@pytest.mark.timeout(1_200)
def test_the_page_is_true_word_for_word(checkout: Path, hub: Stack) -> None:
    page = PAGE.read_text(encoding="utf-8")
    ran = 0
    for step in steps(page):
        where = f"{PAGE.name}:{step.line}"
        target = checkout / step.path
        if step.kind == "console":
            for command, output in step.commands:
                end = time.monotonic() + (WAIT_SECONDS if step.waits else 0)
                while True:
                    printed = shell(command, checkout, hub)
                    if expected(output).fullmatch(printed) is not None or time.monotonic() > end:
                        break
                    time.sleep(0.5)
                assert expected(output).fullmatch(printed), (
                    f"{where}: {command}\nprints\n{printed}\nnot\n{output}"
                )
                ran += 1
        elif step.path and step.kind == "diff":
            target.write_text(changed(target.read_text(encoding="utf-8"), step.text, where), encoding="utf-8")
        elif step.path:
            assert not target.exists(), f"{where}: {step.path} is there already"
            target.write_text(step.text, encoding="utf-8")
    assert ran > 10
    with session(hub.endpoints) as erp:
        (purchase,) = purchases(erp, "KM-7001")
        assert purchase["state"] in ORDERED
        assert len(purchase["lines"]) == 2


def test_files_of_the_tutorial_are_all_named_on_its_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for file in (PAGE.parent / "files").iterdir():
        assert f"docs/tutorial/files/{file.name}" in page
