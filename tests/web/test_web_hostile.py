"""Everything on a page that a partner wrote is text, whatever they wrote."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine
from web_seeding import Seeded, Seeder, interchange, message, order, translated

from orderhub.findings import Finding, Place, Severity
from orderhub.ledger.archive import Archive

pytestmark = pytest.mark.integration

SCRIPT = "<script>alert(1)</script>"
IMAGE = "\"'><img src=x onerror=alert(1)>"
TEMPLATE = "{{ 7*7 }}{% raw %}${7*7}"
BIDI = "abc\u202egnp.exe"


@pytest.fixture
def hostile(engine: Engine, archive: Archive) -> tuple[int, int]:
    play = Seeder(engine, archive, flow=f"f{IMAGE}", agreement=f"a{IMAGE}")
    made = order(f"N-{SCRIPT}", quantity="-5", supplier=f"{IMAGE}{TEMPLATE}{BIDI}")
    data = interchange([message(made, "1", note=f"{SCRIPT}{IMAGE}")], "1")
    file = play.receive(f"../..//{SCRIPT}{IMAGE}\r\nX-Evil: 1\x01{BIDI}.edi", data)
    ids = play.translate([translated(made)])
    finding = Finding(
        code="X",
        severity=Severity.ERROR,
        message=f"Value {SCRIPT}{IMAGE}{TEMPLATE}",
        place=Place(
            segment="FTX", segment_number=5, element=4, offset=data.find(b"FTX"), path=IMAGE, excerpt=SCRIPT
        ),
        value=f"{SCRIPT}{IMAGE}",
        rule=IMAGE,
        field="supplier.name",
    )
    play.judge([], {ids[0]: [finding]})
    return ids[0], file


def test_pages_show_hostile_text_as_text(client, hostile: tuple[int, int]) -> None:
    document, file = hostile
    for path in (
        "/documents",
        f"/documents/{document}",
        f"/documents/{document}/live",
        "/files",
        f"/files/{file}",
    ):
        html = client.get(path).text
        assert "&lt;script&gt;" in html, path
        assert "<script>" not in html
        assert "<img" not in html
        assert "\u202e" not in html
    page = client.get(f"/documents/{document}").text
    marked = re.search(r'<mark class="is-error" data-findings="1">(.*?)</mark>', page, re.S)
    assert marked is not None
    assert "&lt;script&gt;" in marked.group(1)
    assert "{{ 7*7 }}" in page


def test_search_text_is_text(client, hostile: tuple[int, int]) -> None:
    html = client.get("/documents", params={"q": IMAGE, "flow": SCRIPT, "sort": SCRIPT, "after": IMAGE}).text
    assert "<img" not in html
    assert "<script>" not in html
    assert client.get("/documents", params={"q": "'; DROP TABLE ledger.document; --"}).status_code == 200
    assert client.get("/documents", params={"q": "a\0b & | ! :* ( <->", "flow": "\0"}).status_code == 200
    assert client.get("/files", params={"q": "%_\\", "state": "x\0"}).status_code == 200


def test_file_name_cannot_write_headers(client, hostile: tuple[int, int]) -> None:
    answer = client.get(f"/files/{hostile[1]}/original")
    assert answer.status_code == 200
    assert "x-evil" not in answer.headers
    disposition = answer.headers["content-disposition"]
    assert disposition.isascii()
    assert "/" not in disposition.replace("UTF-8''", "")
    assert "\\" not in disposition


def test_original_shows_controls_and_overrides_as_marks(client, engine: Engine, archive: Archive) -> None:
    play = Seeder(engine, archive)
    file = play.receive("odd.csv", ("a,b\n" * 40 + "1,x\u202ey\x07\x1b[31m\n").encode())
    play.translate([], format="csv")
    html = client.get(f"/files/{file}").text.split("is-lines")[1]
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "␇␛[31m" in html


@pytest.mark.parametrize(
    "address",
    [
        "/inbox?size=" + "9" * 5000,
        "/inbox?flow=%00&owner=%00&partner=%00&q=%00&reason=a~%00",
        "/api/v1/inbox?flow=%00",
        "/api/v1/inbox?partner=%00&partner=b",
        "/api/v1/inbox?owner=a%00",
        "/api/v1/inbox?q=%00",
        "/api/v1/inbox?reason_is=%00",
        "/api/v1/inbox?after=2026-01-01T00:00:00%2B00:00~" + "9" * 90,
        "/quality/docs/..%2F..%2Fairflow.cfg",
        "/quality?window=%00",
        "/flows/%00",
        "/flows/a/runs/%00",
    ],
)
def test_an_odd_address_is_no_failure(client, seeded: Seeded, address: str) -> None:
    assert client.get(address).status_code in (200, 404, 422)


def test_odd_texts_in_actions_are_no_failure(client, seeded: Seeded) -> None:
    at = "2026-01-01T00:00:00+00:00"
    for body in (
        {"flow": ["\0"], "seen_at": at, "reason": "x"},
        {"partner": ["\0", "b"], "seen_at": at, "reason": "x"},
        {"cases": [{"id": 1}], "owner": "a\0b", "reason": "\0"},
        {"state": ["quarantined"], "seen_at": "0001-01-01T00:00:00+14:00", "reason": "x"},
    ):
        for action in ("take", "retry", "discard"):
            answer = client.post(f"/api/v1/inbox/{action}", json=body)
            assert answer.status_code < 500, (action, body, answer.text)
