"""Builds the site: an index, a page per suite, a page per validation. Great Expectations renders them; the page around is
ours, because its own loads scripts and styles from foreign hosts.

Takes seconds to import and is therefore run in a process of its own (``orderhub quality build``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import html
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from orderhub.ledger import validations
from orderhub.ledger.engine import transaction
from orderhub.ledger.validations import ValidationRow
from orderhub.validate.suite import ExpectationSuiteFile

#: The names of the site's files; nothing else is ever served from its folder.
PAGE = re.compile(r"(?:index|suite_[a-z][a-z0-9_]{0,63}|validation_[0-9]{1,18})\.html\Z|data_docs\.css\Z")
#: So many validations have a page; older ones stay in the ledger for the figures.
KEPT = 200
_HERE = Path(__file__).parent
#: Great Expectations styles some elements one by one, which the pages' content security policy forbids.
_INLINE = re.compile(r"""\sstyle=(?:"[^"]*"|'[^']*')""")

#: Links into the layout of its own site, which this one does not have.
_FOREIGN_LINK = re.compile(r"""<a\s[^>]*href=["']\.\./[^"']*["'][^>]*>(.*?)</a>""", re.DOTALL)


def build(engine: Engine, suites: Path, folder: Path) -> list[str]:
    """Bring the site up to date and return the names of the pages that were written.

    A validation's page is written once; suite pages and the index each time. Every file appears whole (written aside and
    renamed), so that the site can be read meanwhile.

    :param suites: the folder of suite files.
    :param folder: where the site is; made when missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with transaction(engine) as connection:
        rows = validations.latest(connection, limit=KEPT)
    written: list[str] = []
    with _renderer() as render:
        for row in rows:
            name = f"validation_{row.id}.html"
            if (folder / name).exists():
                continue
            with transaction(engine) as connection:
                whole = validations.one(connection, row.id)
            if whole is not None:
                _write(folder, name, render.validation(whole))
                written.append(name)
        files = [ExpectationSuiteFile(path) for path in sorted(suites.glob("*.json"))]
        for suite in files:
            name = f"suite_{suite.name}.html"
            _write(folder, name, render.suite(suite, [row for row in rows if row.suite == suite.name][:20]))
            written.append(name)
        _write(folder, "index.html", render.index(files, rows))
        written.append("index.html")
    _write(folder, "data_docs.css", (_HERE / "data_docs.css").read_text(encoding="utf-8"))
    _forget(folder, {f"validation_{row.id}.html" for row in rows})
    return written


def _write(folder: Path, name: str, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(folder / name)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _forget(folder: Path, kept: set[str]) -> None:
    for path in folder.glob("validation_*.html"):
        if path.name not in kept:
            path.unlink(missing_ok=True)
    for path in folder.glob(".*.part"):
        # left by a build that was killed; a running one is younger
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < dt.datetime.now(dt.UTC).timestamp() - 3600:
                path.unlink()


def _escaped(value: Any) -> Any:
    """A result's values as text for HTML: Great Expectations puts what it found into its tables as it is."""
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    return value


@contextlib.contextmanager
def _renderer() -> Iterator[_Renderer]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        # its deprecations are its own affair
        warnings.simplefilter("ignore")
        yield _Renderer()


class _Renderer:
    def __init__(self) -> None:
        import jinja2
        from great_expectations.render.view import DefaultJinjaPageView

        self._view = DefaultJinjaPageView()
        own = jinja2.FileSystemLoader(_HERE)
        self._view.env.loader = jinja2.ChoiceLoader([own, self._view.env.loader])

    def validation(self, row: ValidationRow) -> str:
        """One validation: each frame's result, one under the other."""
        from great_expectations.render.renderer import ValidationResultsPageRenderer

        renderer = ValidationResultsPageRenderer(run_info_at_end=True)
        parts = [(frame, renderer.render(_result(raw)).to_json_dict()) for frame, raw in row.results.items()]
        return self._page(
            parts,
            title=f"Validation {row.id}: {row.suite}",
            facts=[
                ("Flow", row.flow),
                ("Suite", row.suite),
                ("Content", row.suite_hash[:12]),
                ("Documents", f"{row.documents:,}"),
                ("Kept back", f"{row.failed:,}"),
                ("Batch", str(row.batch)),
                ("At", f"{row.at:%Y-%m-%d %H:%M:%S} UTC"),
            ],
            links=[(f"suite_{row.suite}.html", "The suite")],
        )

    def suite(self, suite: ExpectationSuiteFile, rows: Sequence[ValidationRow]) -> str:
        """A suite: what it expects, in words, and its latest validations."""
        from great_expectations import ExpectationSuite
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
        from great_expectations.render.renderer import ExpectationSuitePageRenderer

        parts = []
        for frame, expectations in suite.expectations.items():
            if expectations:
                made = ExpectationSuite(name=f"{suite.name}_{frame}")
                for each in expectations:
                    made.expectations.append(ExpectationConfiguration(**each).to_domain_obj())
                parts.append((frame, ExpectationSuitePageRenderer().render(made).to_json_dict()))
        return self._page(
            parts,
            title=f"Suite {suite.name}",
            facts=[
                ("Document", suite.document),
                ("Rules", str(len(suite.rules))),
                ("Content", suite.content_hash[:12]),
            ],
            rules=[
                (
                    rule,
                    str(meta.get("severity", "error")),
                    str(meta["frame"]),
                    str(meta["field"]),
                    str(meta["message"]),
                )
                for rule, meta in suite.rules.items()
            ],
            rows=rows,
        )

    def index(self, suites: Sequence[ExpectationSuiteFile], rows: Sequence[ValidationRow]) -> str:
        """All suites and the latest validations."""
        return self._page([], title="Data docs", facts=[], suites=suites, rows=rows)

    def _page(self, parts: Sequence[tuple[str, dict[str, Any]]], **context: Any) -> str:
        frames = [(frame, document["sections"]) for frame, document in parts]
        page = self._view.env.get_template("hub_page.j2").render(frames=frames, **context)
        return _FOREIGN_LINK.sub(r"\1", _INLINE.sub("", page))


def _result(raw: dict[str, Any]) -> Any:
    """A stored result as Great Expectations' own object."""
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    results = []
    for each in raw["results"]:
        config = dict(each["expectation_config"])
        config.setdefault("type", config.pop("expectation_type", None))
        results.append(
            ExpectationValidationResult(
                success=each["success"],
                expectation_config=ExpectationConfiguration(
                    type=config["type"], kwargs=config["kwargs"], meta=config.get("meta") or {}
                ),
                result=_escaped(each["result"]),
                meta=each.get("meta") or {},
                exception_info=each.get("exception_info") or {},
            )
        )
    meta = dict(raw.get("meta") or {})
    meta["run_id"] = RunIdentifier(run_name=str(raw.get("id") or "hub"))
    return ExpectationSuiteValidationResult(
        success=raw["success"],
        results=results,
        suite_name=raw["suite_name"],
        statistics=raw.get("statistics") or {},
        meta=meta,
    )
