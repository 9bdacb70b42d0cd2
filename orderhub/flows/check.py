"""``orderhub flow check``: everything that a flow names is there and fits together. Nothing is connected to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import pydantic
from sqlalchemy import Connection

from orderhub.connector import Capability, ConnectorSettings
from orderhub.connector_registry import ConnectorRegistry
from orderhub.errors import ConfigError, HubError
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger.kept_mappings import changed_version
from orderhub.mapping.given import needs
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.writing import CompiledWriting
from orderhub.partners.registry import PartnerRegistry
from orderhub.stage import Flow
from orderhub.validate.suite import ExpectationSuiteFile, suite_path

T = TypeVar("T")


def check_flow(
    flow: Flow,
    *,
    partners: PartnerRegistry,
    mappings: MappingRegistry,
    suites: Path,
    connectors: ConnectorRegistry,
    ledger: Connection | None = None,
) -> list[Finding]:
    """What is wrong with a flow beyond its own file, each at its place in the file that has to change.

    :param ledger: where the hub is running, to see whether a version that made documents was changed since.
    """
    check = _Check(flow)
    if flow.partner is not None:
        check.attempt("partner", lambda: partners.get(flow.partner or ""))
    mapping = check.attempt("translate.mapping", lambda: _mapping(flow, mappings))
    document = mapping.target if mapping is not None else None
    if mapping is not None:
        _agreed(check, mapping, partners)
        changed = changed_version(ledger, mapping) if ledger is not None else None
        if changed is not None:
            check.add("translate.mapping", changed.code, f"{changed.what} {changed.todo}")
    suite = check.attempt("validate.suite", lambda: _suite(flow, suites))
    if document is not None and suite is not None and suite.document != document:
        check.add(
            "validate.suite",
            "FLOW_SUITE",
            f"The suite {suite.name} judges {suite.document}, but the mapping makes {document}. Name another suite.",
        )
    check.attempt("pull", lambda: _source(flow, connectors))
    check.attempt("acknowledge", lambda: _answers(flow, connectors))
    for index in range(len(flow.load)):
        key = f"load[{index}]"
        settings = check.attempt(key, partial(_target, flow, index, connectors, document))
        for name, given in _named(settings) if settings is not None else ():
            writing = check.attempt(key, partial(_writes, name, given, mappings, document))
            changed = changed_version(ledger, writing) if ledger is not None and writing is not None else None
            if changed is not None:
                check.add(key, changed.code, f"{changed.what} {changed.todo}")
    for key, entry, instead in _without_effect(flow):
        check.add(
            key,
            "FLOW_NO_EFFECT",
            f"{entry} is read and has no effect yet: {instead}. Remove it, or do not rely on it.",
            severity=Severity.WARNING,
        )
    return check.findings


def _without_effect(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """Entries that a flow file may have and that no stage acts upon: where they stand, what they say, what happens
    instead. Whoever writes one would believe that something is held back or sent."""
    for index, target in enumerate(flow.load):
        if target.when == "approved":
            yield f"load[{index}]", "when: approved", "every accepted document is loaded at once"
    if flow.acknowledge.business is not None:
        yield "acknowledge", f"business: {flow.acknowledge.business}", "no business answer is sent"
    if flow.acknowledge.technical == "mdn":
        yield "acknowledge", "technical: mdn", "no answer is sent"


def _named(settings: pydantic.BaseModel) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The mappings that a target's settings name, however deep (``target.mapping``), each with the names that are handed
    in beside the document (``target.given``)."""
    for name, value in settings:
        if name == "mapping" and isinstance(value, str):
            given = getattr(settings, "given", None)
            yield value, tuple(given) if isinstance(given, Mapping) else ()
        elif isinstance(value, pydantic.BaseModel):
            yield from _named(value)


def _writes(
    name: str, given: tuple[str, ...], mappings: MappingRegistry, document: str | None
) -> CompiledWriting:
    """The mapping that makes a target's payloads of the flow's documents."""
    writing = mappings.writing(name)
    if document is not None and writing.document != document:
        raise ConfigError(
            f"The mapping {name} writes {writing.document}, but the flow makes {document}.",
            todo="Name another mapping.",
        )
    unknown = [one for one in given if one not in writing.given]
    if unknown:
        raise ConfigError(
            f"The mapping {name} declares no value {unknown[0]!r} that could be handed in.",
            todo=f"It declares: {', '.join(writing.given) or 'none'} (source: given).",
        )
    return writing


def _mapping(flow: Flow, mappings: MappingRegistry) -> CompiledMapping | None:
    step = flow.translate
    if step.mapping is None:
        return None
    mapping = mappings.get(step.mapping)
    if step.version is not None and mapping.version != step.version:
        raise ConfigError(
            f"The flow wants version {step.version} of {step.mapping}, which is version {mapping.version}.",
            todo="Set translate.version to the version that shall run.",
            place=flow.places.get("translate.version"),
        )
    return mapping


def _agreed(check: _Check, mapping: CompiledMapping, partners: PartnerRegistry) -> None:
    """What the mapping takes from the agreement (``agreement(currency)``) stands in the partner's. A field that has no
    other source is an error; one for documents that leave something out is a warning. Without a partner in the flow, any
    partner that sends this format may be meant."""
    try:
        named = [partners.get(check.flow.partner)] if check.flow.partner is not None else None
    except ConfigError:
        return  # told already
    senders = named or [
        agreement
        for agreement in partners.agreements()
        if any(known.format == mapping.source.format for known in agreement.identifiers)
    ]
    for agreement in senders:
        given = agreement.defaults.given()
        for need in needs(mapping.file.fields):
            if need.name in given:
                continue
            check.add(
                "translate.mapping",
                "FLOW_AGREEMENT",
                f"{need.field} takes agreement({need.name}) (line {need.line} of {mapping.name}), and the agreement "
                f"{agreement.name} has no {need.name}. Add it to the defaults in partners/{agreement.file}"
                + (", or give the mapping a fallback ('?')." if need.alone else "."),
                severity=Severity.ERROR if need.alone and named else Severity.WARNING,
            )


def _suite(flow: Flow, folder: Path) -> ExpectationSuiteFile | None:
    if flow.validate.suite is None:
        return None
    return ExpectationSuiteFile(suite_path(folder, flow.validate.suite))


def _source(flow: Flow, connectors: ConnectorRegistry) -> None:
    manifest = connectors.manifest(flow.pull.connector)
    if Capability.PULL not in manifest.capabilities:
        raise ConfigError(
            f"The connector {manifest.name} cannot pull.",
            todo="Name one that can: `orderhub connector list`.",
        )
    if manifest.streams and "*" not in manifest.streams and flow.pull.stream not in manifest.streams:
        raise ConfigError(
            f"The connector {manifest.name} has no stream {flow.pull.stream!r}.",
            todo=f"It has: {', '.join(sorted(manifest.streams))}.",
        )
    connectors.settings(flow.pull.connector, flow.pull.settings)


def _answers(flow: Flow, connectors: ConnectorRegistry) -> None:
    step = flow.acknowledge
    if step.technical in (None, "none"):
        return
    manifest = connectors.manifest(step.connector or flow.pull.connector)
    if Capability.REPLY not in manifest.capabilities:
        raise ConfigError(
            f"The connector {manifest.name} cannot send answers.",
            todo="Name one that can in `acknowledge`: `orderhub connector list`.",
        )
    if step.settings:
        connectors.settings(manifest.name, step.settings)


def _target(flow: Flow, index: int, connectors: ConnectorRegistry, document: str | None) -> ConnectorSettings:
    target = flow.load[index]
    manifest = connectors.manifest(target.connector)
    if Capability.LOAD not in manifest.capabilities:
        raise ConfigError(
            f"The connector {manifest.name} cannot load.",
            todo="Name one that can: `orderhub connector list`.",
        )
    if document is not None and manifest.documents and document not in manifest.documents:
        raise ConfigError(
            f"The connector {manifest.name} takes no {document}.",
            todo=f"It takes: {', '.join(manifest.documents)}.",
        )
    return connectors.settings(target.connector, target.settings)


class _Check:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.findings: list[Finding] = []

    def attempt(self, key: str, work: Callable[[], T]) -> T | None:
        """What the work gives; its error as a finding, at its own place or where the flow names the thing."""
        try:
            return work()
        except HubError as error:
            self.add(key, error.code, f"{error.what} {error.todo}", error.place)
            return None

    def add(
        self,
        key: str,
        code: str,
        message: str,
        place: Place | None = None,
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.findings.append(
            Finding(
                code=code,
                severity=severity,
                message=message,
                place=place or self.flow.places.get(key) or Place(file=self.flow.file),
                field=key,
            )
        )
