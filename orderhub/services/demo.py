"""The main job on the sample files: puts them into the watched folders, waits, and shows what became of each."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection, Engine

from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import engine, queries, sendings
from orderhub.ledger.queries import DocumentFilter
from orderhub.ledger.records import DocumentPath, InterchangeRow
from orderhub.ledger.sendings import Answered
from orderhub.ledger.states import QUARANTINE_STATES, DocumentState, InterchangeState
from orderhub.services.stack import Stack

#: A document in one of these is still on its way.
_ON_ITS_WAY = frozenset(
    {DocumentState.TRANSLATED, DocumentState.ACCEPTED, DocumentState.LOADING, DocumentState.RETRYING}
)
_MOST = 100_000
WAIT_SECONDS = 240.0
ANSWER_SECONDS = 15.0


@dataclass(frozen=True)
class Sample:
    """A sample file; ``path`` is below samples/inbox, its first folder is the watched folder."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Fate:
    """What the ledger says about one sample."""

    sample: Sample
    interchange: InterchangeRow
    documents: list[DocumentPath]

    @property
    def settled(self) -> bool:
        """Whether nothing about it will change without anybody's doing."""
        if self.interchange.state is InterchangeState.RECEIVED:
            return False
        return not any(d.row.state in _ON_ITS_WAY for d in self.documents)


def samples_in(folder: Path) -> list[Sample]:
    """The sample files, in the order of their names."""
    source = folder / "inbox"
    return [
        Sample(file.relative_to(source), hashlib.sha256(file.read_bytes()).hexdigest())
        for file in sorted(source.rglob("*"))
        if file.is_file()
    ]


def place(samples: list[Sample], folder: Path, inbox: Path) -> None:
    """Copy samples into the watched folders, each by rename, so that none is seen half written."""
    for sample in samples:
        target = inbox / sample.path
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(folder / "inbox" / sample.path, part)
        part.replace(target)


def fates(connection: Connection, samples: list[Sample]) -> list[Fate]:
    """What the ledger knows about the samples; those it has not seen are left out."""
    newest: dict[tuple[str, str | None], InterchangeRow] = {}
    for row in queries.find_interchanges(connection, limit=_MOST):
        newest.setdefault((Path(row.name).name, row.sha256), row)
    found = []
    for sample in samples:
        # what could not be read has no hash: its name has to do
        seen = newest.get((sample.path.name, sample.sha256)) or newest.get((sample.path.name, None))
        if seen is None:
            continue
        page = queries.find_documents(connection, DocumentFilter(interchange_id=seen.id), limit=_MOST)
        paths = [queries.document_path(connection, document.id) for document in reversed(page.rows)]
        found.append(Fate(sample, seen, [path for path in paths if path is not None]))
    return found


def run(stack: Stack, console: Console) -> Table:
    """Place the samples that the ledger does not know yet, wait for what becomes of them, and return the table."""
    folder = stack.settings.path("samples_folder")
    samples = samples_in(folder)
    ledger = engine.create_engine(stack.endpoints.database_url)
    try:
        with engine.transaction(ledger) as connection:
            known = {fate.sample for fate in fates(connection, samples)}
        new = [sample for sample in samples if sample not in known]
        place(new, folder, stack.endpoints.inbox_folder)
        console.print(
            f"{len(new)} sample files are placed in the watched folders"
            + (f"; {len(known)} were processed by an earlier run." if known else ".")
        )
        end = time.monotonic() + WAIT_SECONDS
        with console.status("The flows are at work …") as status:
            while True:
                with engine.transaction(ledger) as connection:
                    found = fates(connection, samples)
                settled = sum(fate.settled for fate in found)
                if settled == len(samples) or time.monotonic() > end:
                    break
                status.update(f"The flows are at work: {settled} of {len(samples)} files …")
                time.sleep(0.5)
        answers = _answers(ledger, found)
    finally:
        ledger.dispose()
    if settled < len(samples):
        console.print(
            f"{len(samples) - settled} files are not done after {WAIT_SECONDS:.0f} s; the table shows how far they are. "
            f"The flows' logs are in {stack.folder.logs}/airflow.",
            style="yellow",
        )
    made = table(samples, found)
    made.caption = (
        f"{answers.sent} answers to the senders (CONTRL, 997) lie in {stack.endpoints.outbox_folder}"
    )
    if answers.waiting:
        made.caption += f"; {answers.waiting} are still to be sent: `orderhub answer list --unsent`"
    return made


def _answers(ledger: Engine, found: list[Fate]) -> Answered:
    """What the senders were answered. They are told when the loads are done, so it is waited for a little longer."""
    end = time.monotonic() + ANSWER_SECONDS
    while True:
        with engine.transaction(ledger) as connection:
            answers = sendings.answered(connection, [fate.interchange.id for fate in found])
        if not (answers.open or answers.waiting) or time.monotonic() > end:
            return answers
        time.sleep(0.2)


def table(samples: list[Sample], found: list[Fate]) -> Table:
    """One row per file."""
    made = Table(title="What became of the sample files", title_justify="left")
    for heading in ("File", "Partner", "Documents", "State", "ERP number", "Warehouse", "Error and place"):
        made.add_column(heading, overflow="fold")
    by_sample = {fate.sample: fate for fate in found}
    for sample in samples:
        fate = by_sample.get(sample)
        if fate is None:
            made.add_row(str(sample.path), "", "", Text("not taken yet", style="yellow"))
            continue
        made.add_row(
            str(sample.path),
            fate.interchange.agreement or "unknown",
            str(len(fate.documents)),
            _state(fate),
            _effects(fate, "tryton"),
            _effects(fate, "warehouse"),
            Text(_error(fate)),
        )
    return made


def _state(fate: Fate) -> Text:
    if not fate.documents:
        state = fate.interchange.state
        good = state is InterchangeState.DUPLICATE
        return Text(state.value, style="dim" if good else "red")
    text = Text()
    for number, (state_, count) in enumerate(Counter(d.row.state for d in fate.documents).items()):
        style = "green" if state_ is DocumentState.LOADED else "red" if state_ in QUARANTINE_STATES else "dim"
        text.append(", " if number else "")
        text.append(f"{count} {state_.value}" if len(fate.documents) > 1 else state_.value, style=style)
    if fate.interchange.state is InterchangeState.PARTIAL:
        text.append(" (part of the file)", style="yellow")
    return text


def _effects(fate: Fate, target: str) -> str:
    shown = []
    for document in fate.documents:
        for effect in document.effects:
            if effect.target.split("/", 1)[0] != target:
                continue
            if target == "warehouse":
                shown.append(f"v{effect.version}" if effect.version is not None else "")
            else:
                shown.append(effect.reference or "")
    return ", ".join(filter(None, shown))


def _error(fate: Fate) -> str:
    findings: list[Finding] = [f for document in fate.documents for f in document.findings]
    findings += fate.interchange.findings
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors or fate.documents:
        # a warning keeps no document back; the pages show it. Of a file without any it says why there is none
        findings = errors
    if not findings:
        return fate.interchange.problem or ""
    # a finding at a place explains more than one that only points to another document
    first = next((f for f in findings if f.place != Place(file=f.place.file)), findings[0])
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{first.place}: {first.message}{more}"
