"""The API says the same as the pages, in a documented shape."""

from __future__ import annotations

import pytest
from web_seeding import Seeded

pytestmark = pytest.mark.integration


def test_documents_and_one_document(client, seeded: Seeded) -> None:
    found = client.get("/api/v1/documents", params={"state": "quarantined", "q": "ACME"}).json()
    assert [one["id"] for one in found["documents"]] == [seeded.documents["quarantined"]]
    assert found["total"] == 1
    detail = client.get(f"/api/v1/documents/{seeded.documents['quarantined']}").json()
    finding = detail["findings"][0]
    assert finding["segment"] == "QTY"
    assert finding["segment_number"] == 15
    assert finding["field"] == "lines[1].quantity"
    assert detail["canonical"]["lines"][1]["quantity"] == "-5"
    assert [step["to_state"] for step in detail["timeline"]][-1] == "quarantined"
    loaded = client.get(f"/api/v1/documents/{seeded.documents['loaded']}").json()
    assert {effect["target"]: effect["state"] for effect in loaded["effects"]} == {
        "warehouse": "done",
        "tryton": "done",
    }
    assert loaded["references"]["tryton"].startswith("PO")


def test_interchanges(client, seeded: Seeded) -> None:
    refused = client.get("/api/v1/interchanges", params={"state": "refused", "size": 2}).json()
    assert len(refused["interchanges"]) == 2
    older = client.get(
        "/api/v1/interchanges", params={"state": "refused", "size": 2, "after": refused["older"]}
    ).json()
    assert len(older["interchanges"]) == 1
    one = client.get(f"/api/v1/interchanges/{seeded.files['refused']}").json()
    assert one["findings"][0]["code"] == "EDIFACT_UNT_COUNT"


def test_retry_and_discard(client, seeded: Seeded) -> None:
    path = f"/api/v1/documents/{seeded.documents['quarantined']}"
    assert client.post(f"{path}/retry", json={"reason": "fixed", "force": True}).status_code == 422
    done = client.post(f"{path}/retry", json={"reason": "fixed"})
    assert done.status_code == 202
    assert done.json()["state"] == "retrying"
    again = client.post(f"{path}/retry")
    assert again.status_code == 409
    assert again.json()["error"]["message"]
    other = f"/api/v1/documents/{seeded.documents['conflict']}"
    assert client.post(f"{other}/discard", json={"reason": " "}).status_code == 409
    assert client.post(f"{other}/discard", json={"reason": "resent"}).json()["state"] == "discarded"
    assert client.post("/api/v1/documents/99999/retry").status_code == 404


def test_schema_and_reference_name_every_route(client, seeded: Seeded) -> None:
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/api/v1/documents",
        "/api/v1/documents/{document_id}",
        "/api/v1/documents/{document_id}/retry",
        "/api/v1/documents/{document_id}/discard",
        "/api/v1/interchanges",
        "/api/v1/interchanges/{interchange_id}",
        "/api/v1/interchanges/{interchange_id}/retry",
        "/api/v1/inbox",
        "/api/v1/inbox/alerts",
        "/api/v1/inbox/senders",
        "/api/v1/inbox/{case_id}",
        "/api/v1/inbox/{case_id}/note",
        "/api/v1/inbox/{case_id}/resolve",
        "/api/v1/inbox/take",
        "/api/v1/inbox/release",
        "/api/v1/inbox/retry",
        "/api/v1/inbox/discard",
        "/api/v1/inbox/restore",
        "/api/v1/connectors",
        "/api/v1/connectors/check",
        "/api/v1/intake/{endpoint}",
        "/api/v1/intake/{endpoint}/{interchange}",
    }
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["description"]
            assert "401" in operation["responses"]
    html = client.get("/docs").text
    assert all(path in html for path in schema["paths"])


def test_ledger_out_of_reach_is_said_and_not_a_stack_trace(client, app, engine) -> None:
    from orderhub.ledger.engine import create_engine
    from orderhub.web.reading import Reading

    app.state.reading = Reading(
        create_engine("postgresql://nobody@127.0.0.1:1/none"), app.state.reading._archive, app.state.settings
    )
    answer = client.get("/api/v1/documents")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "LEDGER_UNAVAILABLE"
