"""The inbox in the REST API, version 1."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from orderhub.errors import LedgerError
from orderhub.ledger import inbox_reasons, inbox_senders
from orderhub.ledger.inbox import Alerts, Case, CaseFilter, CaseState, Group, Reason, Seen
from orderhub.ledger.inbox_actions import Acted
from orderhub.ledger.inbox_detail import CaseDetail
from orderhub.web import page
from orderhub.web.bodies import ActionBody, FindingBody, TransitionBody
from orderhub.web.routes.api import REFUSALS, Many
from orderhub.web.routes.documents import Id
from orderhub.web.routes.inbox import inbox_of

router = APIRouter(prefix="/api/v1", responses=REFUSALS, tags=["inbox"])

Whole = Annotated[int, Field(ge=1, le=2**63 - 1)]


class CaseBody(BaseModel):
    """One case: a message, a whole file or an effect that is kept back."""

    id: int
    kind: str = Field(description="document, interchange or effect")
    state: str
    interchange_id: int
    document_id: int | None
    target: str
    company: str
    environment: str
    flow: str
    agreement: str
    number: str = Field(description="of the order; the name of a whole file")
    file: str
    code: str
    reason: str = Field(description="what cases with the same repair have in common, for `reason_is`")
    words: str = Field(description="the code in plain words")
    field: str
    value: str
    message: str
    since: dt.datetime
    changed_at: dt.datetime
    owner: str | None = Field(description="who took it")
    default_owner: str | None = Field(description="of the flow")
    open: bool
    closed_as: str | None
    version: int = Field(description="rises with every change; an action names the one that was seen")
    notes: int
    overdue: bool

    @classmethod
    def of(cls, case: Case) -> CaseBody:
        plain = msgspec.to_builtins(case)
        return cls.model_validate(
            plain | {"reason": str(case.reason), "words": inbox_reasons.words(case.code)}
        )


class GroupBody(BaseModel):
    """The open cases of one reason."""

    reason: str
    state: str
    code: str
    words: str
    field: str
    value: str
    count: int
    unowned: int
    oldest: dt.datetime
    example: str
    flows: list[str]

    @classmethod
    def of(cls, group: Group) -> GroupBody:
        reason = group.reason
        return cls(
            reason=str(reason),
            state=reason.state,
            code=reason.code,
            words=inbox_reasons.words(reason.code),
            field=reason.field,
            value=reason.value,
            count=group.count,
            unowned=group.unowned,
            oldest=group.oldest,
            example=group.example,
            flows=group.flows,
        )


class CaseList(BaseModel):
    """A page of cases, oldest first. ``older`` is the value of ``after`` for the next page, empty on the last; ``as_of``
    goes into an action on all of a filter, so that nothing is touched that came after this look."""

    cases: list[CaseBody]
    reasons: list[GroupBody] = Field(description="on the first page only")
    total: int
    older: str
    as_of: dt.datetime


class TryBody(BaseModel):
    """One translation of the message."""

    document_id: int
    generation: int
    state: str
    mapping: str | None
    mapping_version: int | None
    suite: str | None
    suite_hash: str | None
    at: dt.datetime


class NoteBody(BaseModel):
    at: dt.datetime
    actor: str
    text: str


class ActionRow(BaseModel):
    """Something a person did."""

    at: dt.datetime
    actor: str
    action: str
    detail: dict[str, Any]


class CaseDetailBody(CaseBody):
    """One case with everything around it."""

    findings: list[FindingBody]
    finding_count: int
    tries: list[TryBody]
    notes_written: list[NoteBody]
    actions: list[ActionRow]
    timeline: list[TransitionBody]
    effect: dict[str, Any] | None
    held_with: int

    @classmethod
    def of_detail(cls, detail: CaseDetail) -> CaseDetailBody:
        return cls(
            **CaseBody.of(detail.case).model_dump(),
            findings=[FindingBody.of(finding) for finding in detail.findings],
            finding_count=detail.finding_count,
            tries=[
                TryBody(
                    document_id=one.document_id,
                    generation=one.generation,
                    state=one.state,
                    mapping=one.mapping.name if one.mapping else None,
                    mapping_version=one.mapping.version if one.mapping else None,
                    suite=one.suite.name if one.suite else None,
                    suite_hash=one.suite.content_hash if one.suite else None,
                    at=one.at,
                )
                for one in detail.tries
            ],
            notes_written=[NoteBody.model_validate(msgspec.to_builtins(one)) for one in detail.notes],
            actions=[ActionRow.model_validate(msgspec.to_builtins(one)) for one in detail.actions],
            timeline=[TransitionBody.of(step) for step in detail.timeline],
            effect=msgspec.to_builtins(detail.effect) if detail.effect else None,
            held_with=detail.held_with,
        )


class SenderBody(BaseModel):
    """A sender that no agreement knows. ``suggestion`` is the YAML that an agreement needs."""

    identifier: str
    qualifier: str
    format: str
    flow: str
    agreement: str
    files: int
    since: dt.datetime
    last: dt.datetime
    example_id: int
    example: str
    cases: list[int]
    suggestion: str


class AlertsBody(BaseModel):
    """Cases that have waited for too long."""

    count: int
    states: dict[str, int]
    oldest: dt.datetime | None
    unowned: int

    @classmethod
    def of(cls, alerts: Alerts) -> AlertsBody:
        return cls.model_validate(msgspec.to_builtins(alerts))


class SeenBody(BaseModel):
    """A case as it was seen."""

    model_config = ConfigDict(extra="forbid")

    id: Whole
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class ChoiceBody(BaseModel):
    """Which cases, and why: ``cases``, or the filters with ``seen_at`` (the ``as_of`` of the list)."""

    model_config = ConfigDict(extra="forbid")

    cases: Annotated[list[SeenBody], Field(max_length=2000)] = []
    reason_is: Annotated[str, Field(max_length=1000)] = ""
    state: list[CaseState] = []
    flow: Annotated[list[str], Field(max_length=50)] = []
    partner: Annotated[list[str], Field(max_length=50)] = []
    seen_at: dt.datetime | None = None
    reason: Annotated[str, Field(max_length=2000)] = ""
    owner: Annotated[str, Field(max_length=200)] = ""

    def chosen(self) -> list[Seen] | CaseFilter:
        """Raises ``LedgerError`` when nothing or both is said."""
        filters = bool(self.reason_is or self.state or self.flow or self.partner)
        if filters == bool(self.cases):
            raise LedgerError("Name cases or filters.", todo="Give one of the two, not both.")
        if self.cases:
            return [Seen(one.id, one.version) for one in self.cases]
        if self.seen_at is None or self.seen_at.tzinfo is None:
            raise LedgerError(
                "It is not said when the list was looked at.", todo="Give the list's as_of as seen_at."
            )
        parsed = Reason.parse(self.reason_is) if self.reason_is else None
        if self.reason_is and parsed is None:
            raise LedgerError("There is no such reason.", todo="Give the reason of a case or group.")
        return CaseFilter(
            states=[state.value for state in self.state],
            flows=self.flow,
            agreements=self.partner,
            reason=parsed,
            seen_at=self.seen_at,
        )


class PassedOverBody(BaseModel):
    case: int
    why: str


class ActedBody(BaseModel):
    """What was done: the cases, those left as they are with the reason, and whether there are more."""

    cases: list[int]
    passed_over: list[PassedOverBody]
    more: bool

    @classmethod
    def of(cls, acted: Acted) -> ActedBody:
        return cls.model_validate(msgspec.to_builtins(acted))


class ResolveBody(BaseModel):
    """Whether the target has the effect, under which reference, and how that is known."""

    model_config = ConfigDict(extra="forbid")

    there: bool
    reference: Annotated[str, Field(max_length=200)] = ""
    reason: Annotated[str, Field(max_length=2000)]
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


def _cursor(after: str) -> tuple[dt.datetime, int] | None:
    """A place in the list as ``older`` writes it; nonsense is the beginning."""
    at, _, number = after.partition("~")
    try:
        moment = dt.datetime.fromisoformat(at)
        return (moment, int(number)) if moment.tzinfo and 0 <= int(number) < 2**63 else None
    except ValueError:
        return None


@router.get("/inbox")
def cases(
    request: Request,
    state: Annotated[list[CaseState], Query()] = [],  # noqa: B006 - FastAPI copies defaults
    flow: Many = [],  # noqa: B006
    partner: Many = [],  # noqa: B006
    owner: Many = [],  # noqa: B006
    unowned: bool = False,
    reason_is: Annotated[str, Query(max_length=1000)] = "",
    q: Annotated[str, Query(max_length=200, description="beginning of an order number or file name")] = "",
    overdue: bool = False,
    discarded: bool = False,
    after: Annotated[str, Query(max_length=100)] = "",
    size: Annotated[int, Query(ge=1, le=500)] = 50,
) -> CaseList:
    """What is kept back, the oldest first, and by reason."""
    where = CaseFilter(
        states=[one.value for one in state],
        flows=flow,
        agreements=partner,
        owners=owner,
        unowned=unowned,
        reason=Reason.parse(reason_is) if reason_is else None,
        text=q.replace("\0", ""),
        overdue=overdue,
        discarded=discarded,
    )
    found, groups = inbox_of(request).cases(where, limit=size, after=_cursor(after))
    return CaseList(
        cases=[CaseBody.of(one) for one in found.cases],
        reasons=[GroupBody.of(one) for one in groups],
        total=found.total,
        older=f"{found.after[0].isoformat()}~{found.after[1]}" if found.after else "",
        as_of=found.as_of,
    )


@router.get("/inbox/alerts")
def alerts(request: Request) -> AlertsBody:
    """How much has waited for too long."""
    return AlertsBody.of(inbox_of(request).alerts())


@router.get("/inbox/senders")
def senders(request: Request) -> list[SenderBody]:
    """Senders that no agreement knows, the longest waiting first."""
    return [
        SenderBody.model_validate(msgspec.to_builtins(one) | {"suggestion": inbox_senders.suggestion(one)})
        for one in inbox_of(request).senders()
    ]


@router.get("/inbox/{case_id}")
def case(request: Request, case_id: Id) -> CaseDetailBody:
    """One case, open or not."""
    return CaseDetailBody.of_detail(inbox_of(request).detail(case_id))


async def _act(request: Request, action: str, body: ChoiceBody) -> ActedBody:
    acted = await run_in_threadpool(
        inbox_of(request).act,
        action,
        body.chosen(),
        actor=page.user_of(request).id,
        reason=body.reason.strip(),
        owner=body.owner.strip(),
    )
    return ActedBody.of(acted)


@router.post("/inbox/take")
async def take(request: Request, body: ChoiceBody) -> ActedBody:
    """Become the owner; with ``owner`` somebody else."""
    return await _act(request, "assign" if body.owner.strip() else "take", body)


@router.post("/inbox/release")
async def release(request: Request, body: ChoiceBody) -> ActedBody:
    """Give cases back to the owner of their flow."""
    return await _act(request, "release", body)


@router.post("/inbox/retry", status_code=202)
async def retry(request: Request, body: ChoiceBody) -> ActedBody:
    """Try again with what is there now; what is in doubt is looked up."""
    return await _act(request, "retry", body)


@router.post("/inbox/discard")
async def discard(request: Request, body: ChoiceBody) -> ActedBody:
    """Give cases up, with a reason."""
    return await _act(request, "discard", body)


@router.post("/inbox/restore")
async def restore(request: Request, body: ChoiceBody) -> ActedBody:
    """Bring discarded cases back; they are named one by one."""
    return await _act(request, "restore", body)


@router.post("/inbox/{case_id}/note")
async def note(request: Request, case_id: Id, body: ActionBody) -> CaseDetailBody:
    """Write something down about a case: ``reason`` is the text."""
    hub = inbox_of(request)
    await run_in_threadpool(hub.note, case_id, actor=page.user_of(request).id, text=body.reason)
    return CaseDetailBody.of_detail(await run_in_threadpool(hub.detail, case_id))


@router.post("/inbox/{case_id}/resolve")
async def resolve(request: Request, case_id: Id, body: ResolveBody) -> ActedBody:
    """Decide an effect in doubt by hand."""
    acted = await run_in_threadpool(
        inbox_of(request).resolve,
        Seen(case_id, body.version),
        there=body.there,
        actor=page.user_of(request).id,
        reason=body.reason,
        reference=body.reference,
    )
    return ActedBody.of(acted)


@router.post("/interchanges/{interchange_id}/retry", status_code=202)
async def retry_file(request: Request, interchange_id: Id, body: ActionBody | None = None) -> ActedBody:
    """Translate a whole file again: every message that was not discarded."""
    acted = await run_in_threadpool(
        inbox_of(request).retry_file,
        interchange_id,
        actor=page.user_of(request).id,
        reason=body.reason.strip() if body else "",
    )
    return ActedBody.of(acted)
