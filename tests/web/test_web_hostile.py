"""Everything on a page that a partner wrote is text, whatever they wrote."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine
from web_seeding import Seeder, interchange, message, order, translated

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
