"""What the page of a file shows of the answers to its sender."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine
from web_seeding import Seeded

from orderhub.ledger import numbers, replies, sendings
from orderhub.ledger.engine import transaction
from orderhub.ledger.numbers import Way
from orderhub.ledger.records import AcknowledgementOutcome
from orderhub.ledger.states import Environment

pytestmark = pytest.mark.integration

WAY = Way(
    own_id="HUB",
    own_qualifier="14",
    partner_id="ACME",
    partner_qualifier="14",
    standard="edifact",
    environment=Environment.TEST,
)
CONTENT = (
    b"UNA:+.? 'UNB+UNOC:3+HUB:14+ACME:14+261123:0940+1'UNH+1+CONTRL:D:3:UN'UCI+<b>?'1+A+B+7'UNT+3+1'UNZ+1+1'"
)


def answered(engine: Engine, interchange: int) -> int:
    with transaction(engine) as connection:
        reply = replies.NewReply(
            interchange_id=interchange,
            envelope=1,
            kind="contrl",
            flow="acme_orders",
            company="acme",
            agreement="acme_edi",
            way=WAY,
            number=numbers.take(connection, WAY),
            control_reference="<b>'1",
            verdict=AcknowledgementOutcome.PARTIALLY_ACCEPTED,
            messages=3,
            messages_rejected=1,
            content=CONTENT,
            suffix="edi",
        )
        return replies.add(connection, reply)


def test_a_file_shows_its_answer_from_the_number_to_the_sending(
    client, seeded: Seeded, engine: Engine
) -> None:
    file = seeded.files["good"]
    reply = answered(engine, file)
    page = client.get(f"/files/{file}").text
    assert "CONTRL" in page
    assert "To be sent" in page
    assert "Partly accepted" in page
    assert "UNH+1+CONTRL:D:3:UN&#39;\nUCI+&lt;b&gt;?&#39;1+A+B+7&#39;\n" in page
    with transaction(engine) as connection:
        (work,) = sendings.lease(connection, "acme_orders", worker="w")
        sendings.record_failed(
            connection, work, code="CONNECTOR_UNAVAILABLE", reason="The folder is not there."
        )
    page = client.get(f"/files/{file}").text
    assert "Not sent" in page
    assert "The folder is not there." in page
    with transaction(engine) as connection:
        (work,) = sendings.lease(connection, "acme_orders", worker="w")
        sendings.record_sent(connection, work, reference="x")
    page = client.get(f"/files/{file}").text
    assert "The folder is not there." not in page
    assert "Sent" in page
    download = client.get(f"/files/{file}/answers/{reply}")
    assert download.content == CONTENT
    assert "CONTRL_acme_edi_000001_" in download.headers["content-disposition"]
    assert download.headers["content-type"] == "application/octet-stream"


def test_an_answer_is_found_only_below_its_own_file(client, seeded: Seeded, engine: Engine) -> None:
    reply = answered(engine, seeded.files["good"])
    assert client.get(f"/files/{seeded.files['refused']}/answers/{reply}").status_code == 404
    assert client.get(f"/files/{seeded.files['good']}/answers/999").status_code == 404


def test_the_answer_is_shown_in_chinese(client, seeded: Seeded, engine: Engine) -> None:
    answered(engine, seeded.files["good"])
    page = client.get(f"/files/{seeded.files['good']}", headers={"accept-language": "zh-CN"}).text
    assert "下载回执" in page
