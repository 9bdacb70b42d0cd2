"""Reads a bundle of CSV files as a stream of messages, each joined from the rows that belong together.

The tables that are looked up are held in memory by key, the root is streamed. It is looked through once before anything
is handed on, so that no message of a bundle that cannot be used is ever usable.
"""

from __future__ import annotations

from collections.abc import Iterator

from orderhub.findings import MAX_FINDINGS, Finding, Findings, Place, Severity
from orderhub.formats.base import EnvelopeInfo, MessageTree, ReadSummary, Source
from orderhub.formats.bundle import Bundle, BundleProblem, open_bundle
from orderhub.formats.bundle.members import Member
from orderhub.formats.csv.join_layout import JoinedTable, JoinLayout
from orderhub.formats.csv.join_tables import Budget, Index, Key, RootKeys, Stop, TableReader, located, shown
from orderhub.formats.csv.join_tree import JoinedMessage, JoinedRow, TablePlaces
from orderhub.formats.csv.layout import MESSAGE
from orderhub.formats.csv.tree import Row

#: Rows below one message; as for a single file.
MAX_ROWS = 100_000


class JoinReader:
    """Reads bundles of one layout."""

    format = "csv"

    def __init__(self, layout: JoinLayout) -> None:
        self.layout = layout

    def read(self, source: Source, *, name: str, findings: Findings | None = None) -> JoinSession:
        """Open a session; nothing is read before the iteration starts. A stream must be seekable."""
        return JoinSession(self.layout, source, name=name, findings=findings)


class _Lookup:
    """Finds the row of one table for a row that is being joined."""

    def __init__(self, index: Index, sought: list[tuple[bool, int, int]]) -> None:
        self.index = index
        self.table = index.table
        #: of each key column: whether it stands in the root's level, which row there, which cell
        self.sought = sought


class JoinSession:
    """One bundle. Iterate once, to the end; then ``summary`` is complete."""

    def __init__(
        self, layout: JoinLayout, source: Source, *, name: str, findings: Findings | None = None
    ) -> None:
        self.layout = layout
        self.name = name
        self.source = source
        self.interchange = EnvelopeInfo(format="csv")
        self.summary = ReadSummary(
            format="csv",
            file=name,
            findings=findings if findings is not None else Findings(),
            message_types=[MESSAGE],
            interchanges=[self.interchange],
        )
        self._lookups: dict[str, list[_Lookup]] = {}
        self._many: list[Index] = []
        self._places: dict[str, TablePlaces] = {}

    def __iter__(self) -> Iterator[MessageTree]:
        try:
            with open_bundle(self.source) as bundle:
                for message, findings in self._messages(bundle):
                    self.summary.messages += 1
                    if any(finding.severity is Severity.ERROR for finding in findings):
                        self.summary.unusable += 1
                    yield MessageTree(
                        message_type=MESSAGE,
                        release=None,
                        reference=message.reference,
                        number=self.summary.messages,
                        root=message,
                        interchange=self.interchange,
                        findings=findings,
                        checked=True,
                    )
        except BundleProblem as problem:
            file = self.name if problem.member is None else f"{self.name}/{problem.member}"
            self._refuse(problem.code, f"{problem.what} {problem.todo}", Place(file=file))
        except Stop:
            return

    def _refuse(self, code: str, message: str, place: Place) -> None:
        self.summary.findings.add(Finding(code=code, severity=Severity.ERROR, message=message, place=place))
        self.interchange.refused = True
        self.summary.refused = True
        self.summary.well_formed = False

    # --- the tables

    def _messages(self, bundle: Bundle) -> Iterator[tuple[JoinedMessage, list[Finding]]]:
        members = self._members(bundle)
        budget = Budget()
        indexes = {
            table.name: self._index(bundle, table, members[table.name], budget)
            for table in self.layout.tables[1:]
        }
        self._prepare(indexes)
        root = self.layout.root
        with bundle.open(members[root.name]) as stream:
            keys = RootKeys(self._reader(root, members[root.name]), stream)
        reader = self._reader(root, members[root.name], Findings(limit=1))
        self._places[root.name] = reader.places
        with bundle.open(members[root.name]) as stream:
            for row in reader.read(stream):
                yield self._joined(row, reader, keys)
        yield from self._orphans(keys)
        for index in indexes.values():
            self.summary.findings.extend(index.unused_findings())
        if keys.rows == 0:
            self.summary.findings.add(
                Finding(
                    code="CSV_NO_ROWS",
                    severity=Severity.WARNING,
                    message=f"{root.file} has no rows. Ask the sender if this is meant.",
                    place=Place(file=reader.name),
                )
            )

    def _members(self, bundle: Bundle) -> dict[str, Member]:
        """The member of each table; every one that is missing is named before it stops."""
        found: dict[str, Member] = {}
        for table in self.layout.tables:
            fitting = bundle.fitting(table.file)
            if len(fitting) == 1:
                found[table.name] = fitting[0]
                continue
            have = ", ".join(member.name for member in bundle.members[:12])
            if fitting:
                names = ", ".join(member.name for member in fitting[:5])
                self._refuse(
                    "CSV_FILE_SEVERAL",
                    f"Several members of the bundle are {table.file} ({table.name}): {names}. Ask the sender which is meant.",
                    Place(file=self.name),
                )
            else:
                self._refuse(
                    "CSV_FILE_MISSING",
                    f"The bundle has no member {table.file} ({table.name}); it has {have}. Ask the sender for it, or correct "
                    "files in the mapping's source.",
                    Place(file=self.name),
                )
        if len(found) < len(self.layout.tables):
            raise Stop
        read = {member.name for member in found.values()}
        for member in bundle.members:
            if member.name not in read:
                self.summary.findings.add(
                    Finding(
                        code="CSV_FILE_UNREAD",
                        severity=Severity.WARNING,
                        message=f"No table of the mapping reads the member {member.name}. Add it to files, or ask the sender to leave it "
                        "out.",
                        place=Place(file=f"{self.name}/{member.name}"),
                    )
                )
        return found

    def _reader(self, table: JoinedTable, member: Member, findings: Findings | None = None) -> TableReader:
        """A reader of a member. The second look at the root keeps what it finds about the file to itself."""
        summary = self.summary
        if findings is not None:
            summary = ReadSummary(format="csv", file=self.name, findings=findings)
        return TableReader(
            table, name=f"{self.name}/{member.name}", summary=summary, interchange=self.interchange
        )

    def _index(self, bundle: Bundle, table: JoinedTable, member: Member, budget: Budget) -> Index:
        reader = self._reader(table, member)
        with bundle.open(member) as stream:
            index = Index(reader, stream, budget)
        self._places[table.name] = reader.places
        self.interchange.encoding = self.interchange.encoding or table.encoding or "utf-8"
        return index

    def _prepare(self, indexes: dict[str, Index]) -> None:
        """Work out once where each table's key is found."""
        root = self.layout.root.name
        self._many = [indexes[table.name] for table in self.layout.many]
        for level in (root, *(table.name for table in self.layout.many)):
            lookups: list[_Lookup] = []
            for table in self.layout.of_level(level)[1:]:
                sought: list[tuple[bool, int, int]] = []
                for parent, column in table.of:
                    source = self.layout.table(parent)
                    assert source is not None  # noqa: S101 - the layout has seen to it
                    at_root = source.level == root
                    row = [one.name for one in self.layout.of_level(source.level)].index(parent)
                    sought.append((at_root, row, source.position(column)))
                lookups.append(_Lookup(indexes[table.name], sought))
            self._lookups[level] = lookups

    # --- one message

    def _joined(self, row: Row, reader: TableReader, keys: RootKeys) -> tuple[JoinedMessage, list[Finding]]:
        root = self.layout.root
        key = tuple(row[root.position(column)] for column in root.key)
        message = JoinedMessage([row], shown(key), len(self._many), self._places)
        findings = _Found(message.reference)
        findings.extend(reader.row_findings.pop(row.number, ()))
        if not all(key):
            column = next(name for name, value in zip(root.key, key, strict=True) if not value)
            findings.add(
                "CSV_KEY_MISSING",
                f"The key column {column} is empty, so that nothing can be joined to the row. Ask the sender to fill it.",
                reader.places.place(row, column, message.reference),
            )
        elif key in keys.twice:
            other = keys.twice[key] if row.line == keys.first[key] else keys.first[key]
            findings.add(
                "CSV_KEY_TWICE",
                f"{root.name} has the key {shown(key)} twice (also in line {other}), so that nobody can say to which row the "
                "others belong. Ask the sender.",
                reader.places.place(row, root.key[0], message.reference),
                shown(key),
            )
        self._look_up(root.name, message, findings)
        self._below(message, key, findings)
        return message, findings.kept

    def _below(self, message: JoinedMessage, key: Key, findings: _Found) -> None:
        for number, index in enumerate(self._many):
            rows = index.rows.get(key, [])
            if len(rows) > MAX_ROWS:
                findings.add(
                    "CSV_TOO_MANY_ROWS",
                    f"More than {MAX_ROWS} rows of {index.table.name} have the key {shown(key)}. Check the mapping's join.",
                    index.reader.places.place(rows[0], None, message.reference),
                )
                rows = rows[:MAX_ROWS]
            for row in rows:
                self._use(index, row, findings)
                node = JoinedRow([row], message)
                self._look_up(index.table.name, node, findings)
                message.many[number].append(node)

    def _use(self, index: Index, row: Row, findings: _Found) -> None:
        if index.reader.row_findings:
            index.used.add(row.number)
            findings.extend(index.reader.row_findings.get(row.number, ()))

    def _look_up(self, level: str, node: JoinedRow, findings: _Found) -> None:
        """Add the rows that belong to a row, each after those that its key stands in."""
        for lookup in self._lookups[level]:
            values: list[str] = []
            for at_root, row_number, position in lookup.sought:
                row = (node.message if at_root else node).rows[row_number]
                values.append(row[position] if row is not None else "")
            key = tuple(values)
            found = lookup.index.rows.get(key)
            node.rows.append(found[0] if found is not None else None)
            if found is not None:
                self._use(lookup.index, found[0], findings)
                if key in lookup.index.twice:
                    self._complain(lookup, node, key, findings, twice=True)
            elif all(key) and lookup.table.missing is not None:
                self._complain(lookup, node, key, findings, twice=False)

    def _complain(self, lookup: _Lookup, node: JoinedRow, key: Key, findings: _Found, *, twice: bool) -> None:
        """At the cell that names the row, because that is what the sender can look at."""
        table = lookup.table
        parent, column = table.of[0]
        at_root, row_number, _ = lookup.sought[0]
        row = (node.message if at_root else node).rows[row_number]
        reference = node.message.reference
        place = self._places[parent].place(row, column, reference) if row is not None else Place()
        own = ", ".join(table.own)
        if twice:
            findings.add(
                "CSV_KEY_TWICE",
                f"{table.file} ({table.name}) has several rows with {own} {shown(key)}, so that nobody can say which is meant. "
                "Ask the sender.",
                place,
                shown(key),
            )
        else:
            findings.add(
                "CSV_JOIN_MISSING",
                f"{table.file} ({table.name}) has no row with {own} {shown(key)}. Ask the sender for it, or declare missing: "
                f"warning for {table.name} in the mapping's source.",
                place,
                shown(key),
                table.missing or Severity.ERROR,
            )

    def _orphans(self, keys: RootKeys) -> Iterator[tuple[JoinedMessage, list[Finding]]]:
        """Rows of a ``many`` table whose root is not there: a message of their own, which cannot be used and is kept."""
        root = self.layout.root
        seen: set[Key] = set()
        for index in self._many:
            for key, rows in index.rows.items():
                if key in keys.first or key in seen:
                    continue
                seen.add(key)
                stand_in = Row("" for _ in root.all_columns)
                for column, value in zip(root.key, key, strict=True):
                    stand_in[root.position(column)] = value
                stand_in.line, stand_in.number, stand_in.offset = 1, 0, None
                message = JoinedMessage([stand_in], shown(key), len(self._many), self._places)
                message.rows += [None] * len(self._lookups[root.name])
                findings = _Found(message.reference)
                findings.add(
                    "CSV_JOIN_ORPHAN",
                    f"{len(rows)} rows of {index.table.name} belong to {shown(key)}, which {root.file} ({root.name}) does not "
                    "have. They are kept here; ask the sender for the missing row.",
                    index.reader.places.place(rows[0], index.table.own[0], message.reference),
                    shown(key),
                )
                self._below(message, key, findings)
                yield message, findings.kept


class _Found:
    """The findings of one message, bounded, each with the message's reference."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        self.kept: list[Finding] = []

    def add(
        self,
        code: str,
        message: str,
        place: Place,
        value: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.extend([Finding(code=code, severity=severity, message=message, place=place, value=value)])

    def extend(self, findings: list[Finding] | tuple[()]) -> None:
        for finding in findings:
            if len(self.kept) < MAX_FINDINGS:
                self.kept.append(located(finding, self.reference))
