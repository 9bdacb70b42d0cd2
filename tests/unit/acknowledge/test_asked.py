"""Who is answered, as whom, and where the answer goes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orderhub.acknowledge.asked import asked, destination
from orderhub.formats.base import EnvelopeInfo
from orderhub.ledger.states import Environment
from orderhub.partners.agreement import Agreement, Answering, OwnIdentifier
from orderhub.stage import AcknowledgeStep, Flow, PullStep, TranslateStep, Trigger, ValidateStep

INFO = EnvelopeInfo(
    format="edifact",
    sender="ACME",
    sender_qualifier="14",
    receiver="HUB",
    receiver_qualifier="14",
    control_reference="R1",
)


def flow(**step: Any) -> Flow:
    return Flow(
        name="f",
        owner="o",
        partner=None,
        trigger=Trigger(arrival=True),
        pull=PullStep(connector="folder"),
        translate=TranslateStep(),
        validate=ValidateStep(),
        load=(),
        acknowledge=AcknowledgeStep(**step),
    )


def agreement(technical: str | None = None, environment: Any = "production", **answering: Any) -> Agreement:
    return Agreement(
        name="acme",
        title="ACME",
        company="default",
        environment=environment,
        technical_answer=technical,
        answering=Answering(**answering),
    )


@pytest.mark.parametrize(
    ("step", "agreed", "format_name", "kind"),
    [
        ("contrl", "contrl", "edifact", "contrl"),
        (None, "contrl", "edifact", "contrl"),
        ("contrl", None, "edifact", "contrl"),
        (None, None, "edifact", None),
        ("none", "contrl", "edifact", None),
        ("contrl", "none", "edifact", None),
        # the other standard's answer is no answer to this one
        ("997", None, "edifact", None),
        ("contrl", None, "x12", None),
        ("contrl", "997", "x12", "997"),
        ("997", "999", "x12", "999"),
        ("mdn", None, "edifact", None),
    ],
)
def test_flow_or_agreement_asks_and_either_may_forbid_it(
    step: str | None, agreed: str | None, format_name: str, kind: str | None
) -> None:
    found = asked(flow(technical=step), agreement(agreed), msgspec.structs.replace(INFO, format=format_name))
    assert (found.kind if found else None) == kind


@pytest.mark.parametrize("missing", ["sender", "receiver", "control_reference"])
def test_without_sender_receiver_or_number_nobody_is_answered(missing: str) -> None:
    info = msgspec.structs.replace(INFO, **{missing: None})
    assert asked(flow(technical="contrl"), agreement(), info) is None


def test_the_hub_answers_as_it_was_addressed_or_as_agreed() -> None:
    plain = asked(flow(technical="contrl"), agreement(), INFO)
    named = asked(flow(technical="contrl"), agreement(own=OwnIdentifier(id="US", qualifier="ZZZ")), INFO)
    assert plain is not None
    assert named is not None
    assert (plain.way.own_id, plain.way.own_qualifier) == ("HUB", "14")
    assert (named.way.own_id, named.way.own_qualifier) == ("US", "ZZZ")
    assert (plain.way.partner_id, plain.covers) == ("ACME", "syntax")


def test_test_is_what_either_side_calls_so() -> None:
    def environment(info: EnvelopeInfo, agreed: Agreement) -> Environment:
        found = asked(flow(technical="contrl"), agreed, info)
        assert found is not None
        return found.way.environment

    assert environment(INFO, agreement()) is Environment.PRODUCTION
    assert environment(msgspec.structs.replace(INFO, test=True), agreement()) is Environment.TEST
    assert environment(INFO, agreement(environment="test")) is Environment.TEST


@pytest.mark.parametrize(
    ("step", "answering", "connector", "settings"),
    [
        ({}, {}, "folder", {"path": "acme"}),
        ({"settings": {"path": "out/{partner}/edi"}}, {}, "folder", {"path": "out/acme/edi"}),
        (
            {"connector": "sftp", "settings": {"path": "/in", "port": 22}},
            {},
            "sftp",
            {"path": "/in", "port": 22},
        ),
        ({"connector": "sftp"}, {"settings": {"path": "/own"}}, "sftp", {"path": "/own"}),
        (
            {"settings": {"path": "x"}},
            {"connector": "as2", "settings": {"to": "ACME"}},
            "as2",
            {"to": "ACME"},
        ),
    ],
)
def test_where_answers_go(step: Any, answering: Any, connector: str, settings: Any) -> None:
    found = destination(flow(**step), agreement(**answering), "acme")
    assert (found.connector, found.settings) == (connector, settings)
