"""Bodies of the API. Keys are stable; new ones may be added."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from orderhub.findings import Finding
from orderhub.ledger.records import (
    AcknowledgementRow,
    DocumentPath,
    DocumentRow,
    Effect,
    InterchangeRow,
    Step,
)


class FindingBody(BaseModel):
    """One thing found at one place; positions count from 1, ``offset`` in bytes from 0."""

    code: str
    severity: str
    message: str
    segment: str | None = None
    segment_number: int | None = None
    element: int | None = None
    component: int | None = None
    path: str | None = None
    offset: int | None = None
    line: int | None = None
    column: int | None = None
    excerpt: str | None = None
    field: str | None = None
    rule: str | None = None
    value: str | None = None

    @classmethod
    def of(cls, finding: Finding) -> FindingBody:
        return cls.model_validate(finding.as_row())


class DocumentBody(BaseModel):
    """One document in a list."""

    id: int
    interchange_id: int
    file: str
    company: str
    environment: str
    flow: str
    agreement: str
    type: str
    number: str
    revision: int
    ordinal: int = Field(description="which message of the file, from 1")
    generation: int = Field(description="how often the message was translated before, from 1")
    state: str
    buyer: str | None
    supplier: str | None
    issued_on: dt.date | None
    finding_count: int
    references: dict[str, str] = Field(description="what each target calls it")
    received_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def of(cls, row: DocumentRow) -> DocumentBody:
        return cls.model_validate(msgspec.to_builtins(row))


class DocumentList(BaseModel):
    """A page of documents. ``older`` is the value of ``after`` for the next page, empty on the last."""

    documents: list[DocumentBody]
    total: int
    total_is_a_minimum: bool
    older: str
    newer: str


class TransitionBody(BaseModel):
    """One step of the timeline."""

    model_config = ConfigDict(populate_by_name=True)

    at: dt.datetime
    subject: str
    from_state: str | None
    to_state: str
    actor: str
    run: int | None
    reason: str | None

    @classmethod
    def of(cls, step: Step) -> TransitionBody:
        return cls.model_validate(msgspec.to_builtins(step))


class EffectBody(BaseModel):
    """What one target got."""

    target: str
    state: str
    attempts: int
    outcome: str | None
    reference: str | None
    version: int | None
    code: str | None
    reason: str | None
    next_attempt_at: dt.datetime | None
    updated_at: dt.datetime

    @classmethod
    def of(cls, effect: Effect) -> EffectBody:
        return cls.model_validate(msgspec.to_builtins(effect))


class AcknowledgementBody(BaseModel):
    """An answer to the sender."""

    kind: str
    outcome: str
    recorded_at: dt.datetime

    @classmethod
    def of(cls, row: AcknowledgementRow) -> AcknowledgementBody:
        return cls.model_validate(msgspec.to_builtins(row))


class DocumentDetail(DocumentBody):
    """One document's whole path."""

    mapping: str | None
    mapping_version: int | None
    suite: str | None
    content_hash: str | None
    canonical: dict[str, Any] | None
    findings: list[FindingBody]
    timeline: list[TransitionBody]
    effects: list[EffectBody]
    acknowledgements: list[AcknowledgementBody]
    versions: list[int] = Field(description="ids of all documents under the same number, newest first")
    duplicate_of: int | None
    conflict_with: int | None

    @classmethod
    def of_path(cls, path: DocumentPath) -> DocumentDetail:
        return cls(
            **DocumentBody.of(path.row).model_dump(),
            mapping=path.mapping.name if path.mapping else None,
            mapping_version=path.mapping.version if path.mapping else None,
            suite=path.suite.name if path.suite else None,
            content_hash=path.content_hash,
            canonical=msgspec.json.decode(path.canonical) if path.canonical else None,
            findings=[FindingBody.of(finding) for finding in path.findings],
            timeline=[TransitionBody.of(step) for step in path.timeline],
            effects=[EffectBody.of(effect) for effect in path.effects],
            acknowledgements=[AcknowledgementBody.of(row) for row in path.acknowledgements],
            versions=[row.id for row in path.versions],
            duplicate_of=path.duplicate_of,
            conflict_with=path.conflict_with,
        )


class InterchangeBody(BaseModel):
    """One received file."""

    id: int
    name: str
    company: str
    environment: str
    flow: str
    agreement: str
    state: str
    format: str | None
    message: str | None
    release: str | None
    sender: str | None
    receiver: str | None
    control_reference: str | None
    sha256: str | None
    size: int
    messages: int
    documents: int
    problem: str | None
    findings: list[FindingBody]
    finding_count: int
    duplicate_of: int | None
    received_at: dt.datetime

    @classmethod
    def of(cls, row: InterchangeRow) -> InterchangeBody:
        plain = msgspec.to_builtins(row)
        plain["findings"] = [FindingBody.of(finding) for finding in row.findings]
        return cls.model_validate(plain)


class InterchangeList(BaseModel):
    """A page of files."""

    interchanges: list[InterchangeBody]
    older: str
    newer: str


class ActionBody(BaseModel):
    """Why somebody acts; discarding needs a reason."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=2000)


class ErrorDetail(BaseModel):
    code: str
    message: str


class ErrorBody(BaseModel):
    """Every refusal: a stable code, and what is wrong and what to do."""

    error: ErrorDetail
