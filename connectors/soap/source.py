"""Pages of an operation's answers as interchanges."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from lxml import etree

from connectors.soap.faults import SoapAbsent
from connectors.soap.schema import Problem
from connectors.soap.service import Service, SoapAnswerInvalid, said
from connectors.soap.settings import PullCall
from connectors.soap.values import filled
from connectors.soap.xml import below, parse, value, values
from orderhub.connector import Bookmark, Interchange
from orderhub.errors import ConnectorProtocolError


class Source:
    """Asks one operation, page after page."""

    def __init__(self, settings: PullCall, service: Service) -> None:
        self._settings = settings
        self._service = service

    def interchanges(self, since: Bookmark) -> Iterator[Interchange]:
        """What came after a bookmark, a page (or a record) at a time.

        Records that do not fit the schema come by themselves with what is wrong; the others of their page go on.

        :raises SoapAnswerInvalid: what is wrong stands outside the records, so that nothing of the page can be trusted.
        :raises ConnectorProtocolError: the answers do not come to an end.
        """
        mark = _mark(since) or self._settings.first_mark
        seen: set[str] = set()
        while True:
            page = self._ask(mark)
            records = self._records(page)
            if page is None or (self._settings.records and not records):
                return
            problems = self._service.problems(self._settings.operation, page)
            next_mark = self._next_mark(page, records, mark)
            parts = self._parts(page, records, problems)
            made = [self._interchange(part, bad, mark, next_mark) for part, bad in parts]
            # only what stands behind the last part lies behind the page
            for one in made[:-1]:
                one.bookmark = {"mark": mark} if mark is not None else None
            for number, one in enumerate(made, 1):
                one.name += f", {number} of {len(made)}" if len(made) > 1 else ""
            for one in made:
                if one.arrival not in seen:
                    yield one
            if {one.arrival for one in made} <= seen or not self._more(page):
                return  # the same page again: it stays until it is confirmed
            seen.update(one.arrival for one in made)
            if self._settings.mark is None and self._settings.confirm is None:
                return
            if self._settings.mark is not None and next_mark == mark:
                raise ConnectorProtocolError(
                    f"{self._settings.operation} says that there is more, and again the mark {mark!r}.",
                    todo="Check `mark` and `more` in the settings, and ask the service's owner.",
                )
            mark = next_mark

    def waiting(self, since: Bookmark) -> bool:
        """Whether there is anything after a bookmark."""
        page = self._ask(_mark(since) or self._settings.first_mark)
        return page is not None and (self._settings.records is None or bool(self._records(page)))

    def _ask(self, mark: str | None) -> etree._Element | None:
        settings = self._settings
        given = {"mark": mark, "limit": settings.page_size}
        request = self._service.request(settings.operation, filled(settings.parameters, given.get))
        try:
            return self._service.call(settings.operation, request, effect=False)
        except SoapAbsent:
            return None

    def confirm(self, taken: Sequence[str]) -> None:
        """Tell the service that these were taken."""
        confirm = self._settings.confirm
        if confirm is not None and taken:
            given = {"taken": list(taken)}
            request = self._service.request(confirm.operation, filled(confirm.parameters, given.get))
            try:
                # to be told twice that something was taken changes nothing
                self._service.call(confirm.operation, request, effect=False)
            except SoapAbsent:
                return

    def _records(self, page: etree._Element | None) -> list[etree._Element]:
        path = self._settings.records
        return list(below(page, path)) if path and page is not None else []

    def _more(self, page: etree._Element) -> bool:
        if self._settings.more is None:
            return self._settings.records is not None
        return (value(page, self._settings.more) or "").lower() in ("true", "1", "yes", "y")

    def _next_mark(
        self, page: etree._Element, records: Sequence[etree._Element], mark: str | None
    ) -> str | None:
        path = self._settings.mark
        if path is None:
            return mark
        found = [text for text in values(page, path) if text]
        if not found:
            raise SoapAnswerInvalid(
                f"{self._settings.operation} was answered with {len(records)} records and no {path!r} to go on from.",
                todo="Check `mark` in the settings, and ask the service's owner.",
            )
        return found[-1]

    def _parts(
        self, page: etree._Element, records: Sequence[etree._Element], problems: Sequence[Problem]
    ) -> list[tuple[etree._Element, list[Problem]]]:
        """The page itself, or what of it belongs together, each with what is wrong with it."""
        wrong: dict[int, list[Problem]] = {}
        for problem in problems:
            owner = _owner(problem.element, records)
            if owner is None:
                raise SoapAnswerInvalid(
                    f"The answer to {self._settings.operation} does not fit the WSDL: {said(problems)}.",
                    todo="Ask the service's owner; with check_answers: false it is taken as it is.",
                )
            wrong.setdefault(owner, []).append(problem)
        whole = Page(page, self._settings.records or "", records)
        if self._settings.one_by_one and records:
            return [(whole.alone(at), wrong.get(at, [])) for at in range(len(records))]
        if not wrong:
            return [(page, [])]
        bad = [(whole.alone(at), found) for at, found in sorted(wrong.items())]
        return [*bad, (whole.without(wrong.keys()), [])] if len(wrong) < len(records) else bad

    def _interchange(
        self, part: etree._Element, problems: Sequence[Problem], mark: str | None, next_mark: str | None
    ) -> Interchange:
        settings = self._settings
        data = etree.tostring(part, xml_declaration=True, encoding="UTF-8", with_tail=False)
        told = [text for text in values(part, settings.arrival) if text] if settings.arrival else []
        told = told or [mark or "", hashlib.sha256(data).hexdigest()]
        arrival = f"{settings.operation}:{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}"
        handle: dict[str, Any] = {}
        if settings.confirm is not None:
            handle["taken"] = [text for text in values(part, settings.confirm.taken) if text]
        return Interchange(
            name=f"{settings.operation} {_printable(next_mark or arrival[-8:])}",
            arrival=arrival,
            data=data,
            bookmark={"mark": next_mark} if next_mark is not None else None,
            media_type="application/xml",
            problem=f"It does not fit the WSDL: {said(problems)}." if problems else None,
            handle=handle,
        )


class Page:
    """A page of which parts are made, each a page by itself with all that stands around the records."""

    def __init__(self, page: etree._Element, path: str, records: Sequence[etree._Element]) -> None:
        self._page = page
        self._path = path
        self._records = records
        self._shell: etree._Element | None = None

    def without(self, left_out: Collection[int]) -> etree._Element:
        """The page without some of its records."""
        # not by deepcopy: it loses prefixes of the envelope that only values use (xsi:type)
        part = parse(etree.tostring(self._page, with_tail=False), "The page")
        for at, record in enumerate(list(below(part, self._path))):
            parent = record.getparent()
            if at in left_out and parent is not None:
                parent.remove(record)
        return part

    def alone(self, at: int) -> etree._Element:
        """The page with one record. What is around is copied, not all the other records each time."""
        if self._shell is None:
            self._shell = self.without(range(len(self._records)))
        part = copy.deepcopy(self._shell)
        record = self._records[at]
        owner = next(
            new
            for new, old in zip(self._owners(part), self._owners(self._page), strict=True)
            if old is record.getparent()
        )
        before = sum(1 for one in record.itersiblings(preceding=True) if one.tag != record.tag)
        owner.insert(before, copy.deepcopy(record))
        return part

    def _owners(self, page: etree._Element) -> list[etree._Element]:
        way = self._path.rpartition("/")[0]
        return list(below(page, way)) if way else [page]


def _owner(element: etree._Element | None, records: Sequence[etree._Element]) -> int | None:
    """Which record an element is in."""
    at = element
    while at is not None:
        if at in records:
            return records.index(at)
        at = at.getparent()
    return None


def _printable(text: str) -> str:
    """A service's text as part of a name."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:80]


def _mark(since: Bookmark) -> str | None:
    found = (since or {}).get("mark")
    return str(found) if found is not None else None
