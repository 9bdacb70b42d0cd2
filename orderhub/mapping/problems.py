"""What is wrong with a mapping file, collected: all of it at once, each at its line and column, with what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from orderhub.errors import MappingError
from orderhub.findings import Finding, Place, Severity
from orderhub.yaml_file import Mark


class Problems:
    """Collects the findings about one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def add(
        self,
        code: str,
        what: str,
        todo: str,
        mark: Mark | None,
        *,
        suggestions: Iterable[str] = (),
        field: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note one problem. ``what`` and ``todo`` are one sentence each; suggestions are put between them."""
        meant = list(suggestions)[:3]
        parts = [what]
        if meant:
            parts.append(f"Did you mean {' or '.join(meant)}?")
        if todo:
            parts.append(todo)
        place = Place(file=self.file) if mark is None else Place(file=self.file, line=mark[0], column=mark[1])
        self.findings.append(
            Finding(code=code, severity=severity, message=" ".join(parts), place=place, field=field)
        )

    @property
    def ok(self) -> bool:
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    def sorted(self) -> list[Finding]:
        """In the order of the file."""
        return sorted(self.findings, key=lambda f: (f.place.line or 0, f.place.column or 0))


def close_to(word: str, known: Iterable[str]) -> list[str]:
    """Names that are probably meant."""
    names = list(known)
    folded = {name.casefold(): name for name in reversed(names)}
    found = difflib.get_close_matches(word.casefold(), list(folded), n=3, cutoff=0.6)
    return [folded[name] for name in found]


class MappingRefused(MappingError):
    """A mapping that is wrong is refused whole; ``findings`` has everything that was found."""

    code = "MAPPING_REFUSED"

    def __init__(self, name: str, findings: list[Finding], *, file: str) -> None:
        self.findings = findings
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        first = errors[0] if errors else None
        more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
        detail = f": {first.message}{more}" if first is not None else ""
        super().__init__(
            f"The mapping {name} is refused{detail}",
            todo=f"Run `orderhub mapping check {file}` for the whole list.",
            place=first.place if first is not None else Place(file=file),
        )
