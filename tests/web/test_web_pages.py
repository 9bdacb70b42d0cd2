"""Pages as a signed-in operator sees them, over a real ledger."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from web_seeding import Seeded

pytestmark = pytest.mark.integration


def rows(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'<tr id="document-(\d+)"', html)]


def test_list_shows_every_state_with_its_count(client, seeded: Seeded) -> None:
    html = client.get("/documents").text
    assert len(rows(html)) == 12
    for state, count in {"loaded": 6, "quarantined": 2, "conflict": 1, "rejected": 1, "duplicate": 1}.items():
        assert re.search(rf'value="{state}".*?<b>{count}</b>', html, re.S), state


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=ACME-10024", {"quarantined"}),
        ("q=acme-1000", {"loaded", "conflict", "duplicate"}),
        ("q=20261124.edi", {"rejected"}),
        ("state=quarantined&flow=shop_orders", {"csv"}),
        ("partner=shop", {"csv"}),
        ("flow=shop_orders&run=arrival__2026-11-20T10:15:02", {"csv"}),
        ("run=another", set()),
        ("q=there-is-none", set()),
        ("range=24h&state=conflict", {"conflict"}),
        ("since=2001-01-01&until=2001-12-31", set()),
        ("since=nonsense&sort=nonsense&range=nonsense&after=!!!&state=quarantined", {"quarantined", "csv"}),
    ],
)
def test_search_and_filters(client, seeded: Seeded, query: str, expected: set[str]) -> None:
    found = set(rows(client.get(f"/documents?{query}").text))
    named = {name for name, number in seeded.documents.items() if number in found}
    assert named == expected


def test_chips_count_what_they_would_leave(client, seeded: Seeded) -> None:
    html = client.get("/documents?flow=shop_orders").text
    assert re.search(r'value="quarantined".*?<b>1</b>', html, re.S)
    assert 'value="loaded"' not in html
    assert re.search(r'name="flow" value="acme_orders".*?<b>11</b>', html, re.S)


def test_paging_shows_every_row_once_in_both_directions(client, seeded: Seeded) -> None:
    for sort in ("-received", "received", "number", "-number", "updated"):
        everything = client.get(f"/api/v1/documents?size=200&sort={sort}").json()
        expected = [one["id"] for one in everything["documents"]]
        assert len(expected) == 12
        seen, after, last = [], "", {}
        while True:
            last = client.get("/api/v1/documents", params={"size": 5, "sort": sort, "after": after}).json()
            seen.append([one["id"] for one in last["documents"]])
            if not last["older"]:
                break
            after = last["older"]
        assert [one for page in seen for one in page] == expected
        back = client.get(
            "/api/v1/documents", params={"size": 5, "sort": sort, "before": last["newer"]}
        ).json()
        assert [one["id"] for one in back["documents"]] == seen[-2]


def test_partial_answer_and_nothing_when_nothing_changed(client, seeded: Seeded, engine: Engine) -> None:
    first = client.get("/documents", headers={"HX-Request": "true"})
    assert "<html" not in first.text
    assert "<table" in first.text
    seen = {"HX-Request": "true", "X-Seen": first.headers["x-digest"]}
    assert client.get("/documents", headers=seen).status_code == 204
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE ledger.document SET number = 'CHANGED' WHERE id = :id"),
            {"id": seeded.documents["loaded"]},
        )
    again = client.get("/documents", headers=seen)
    assert again.status_code == 200
    assert "CHANGED" in again.text


def test_quarantined_document_shows_the_place_in_original_and_canonical_form(client, seeded: Seeded) -> None:
    html = client.get(f"/documents/{seeded.documents['quarantined']}").text
    assert "Quantity -5 is not greater than 0" in html
    marks = re.findall(r'<mark class="is-error" data-findings="1">(.*?)</mark>', html)
    assert marks == ["-5", "&#34;-5&#34;"]
    line = re.search(r'<li class=" hit is-error">.*?</li>', html, re.S)
    assert line is not None
    assert '<span class="gutter" aria-hidden="true">15</span>' in line.group()
    assert re.findall(r'class="step is-(\w+)"', html) == ["done", "done", "failed", "todo", "done"]
    assert 'data-opens="retry"' in html


def test_loaded_document_shows_targets_answer_and_run(client, seeded: Seeded) -> None:
    number = seeded.documents["loaded"]
    html = client.get(f"/documents/{number}").text
    assert f"PO{number:05d}" in html
    assert re.findall(r'class="step is-(\w+)"', html) == ["done"] * 5
    assert "/dags/acme_orders/runs/arrival__2026-11-20T10%3A15%3A02" in html
    assert 'data-opens="retry"' not in html
    # only its own message of the six in the file
    assert "ACME-10001+9" in html
    assert "ACME-10002+9" not in html


def test_rejected_document_says_which_target_refused_it_and_why(client, seeded: Seeded) -> None:
    html = client.get(f"/documents/{seeded.documents['rejected']}").text
    assert "tryton refused this document" in html
    assert "The ERP has no product with GTIN 4000001000029" in html
    assert 'data-opens="retry"' in html


def test_conflict_and_duplicate_lead_to_the_first_document(client, seeded: Seeded) -> None:
    first = seeded.documents["loaded"]
    assert f'/documents/{first}"' in client.get(f"/documents/{seeded.documents['conflict']}").text
    html = client.get(f"/documents/{seeded.documents['duplicate']}").text
    assert "The same content was received before" in html
    assert f'/documents/{first + 1}"' in html


def test_csv_finding_marks_the_field_of_its_line(client, seeded: Seeded) -> None:
    html = client.get(f"/documents/{seeded.documents['csv']}").text
    assert '<mark class="is-error" data-findings="1">many</mark>' in html
    assert "No canonical form" in html


def test_files(client, seeded: Seeded) -> None:
    html = client.get("/files").text
    assert len(re.findall(r'<tr id="file-', html)) == 10
    assert "refused" in html
    refused = client.get(f"/files/{seeded.files['refused']}").text
    assert "UNT says 9 segments" in refused
    assert '<mark class="is-error" data-findings="1">9</mark>' in refused
    assert "The file has no content" in client.get(f"/files/{seeded.files['empty']}").text
    binary = client.get(f"/files/{seeded.files['binary']}").text
    assert "is-hex" in binary
    assert "00 01 02 03" in binary
    many = client.get(f"/files/{seeded.files['good']}").text
    assert len(rows(many)) == 6
    assert len(re.findall(r'<tr id="file-', client.get("/files?state=refused&q=scan").text)) == 1


def test_original_is_a_download_that_no_browser_opens(client, seeded: Seeded) -> None:
    answer = client.get(f"/files/{seeded.files['refused']}/original")
    assert answer.content.startswith(b"UNB+UNOC")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="broken.edi"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"/files/{seeded.files['empty']}/original").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/documents/999999",
        "/files/999999",
        "/documents/0",
        "/documents/9" + "9" * 30,
        "/documents/x",
        "/nothing",
    ],
)
def test_what_is_not_there_is_said_plainly(client, seeded: Seeded, path: str) -> None:
    answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code in (404, 422)
    assert "This did not work" in answer.text
    assert client.get(path).json()["error"]["code"] in ("NOT_FOUND", "INVALID_REQUEST")


def test_an_address_that_nothing_has_is_said_in_the_readers_language(client) -> None:
    said = client.get("/nothing", headers={"accept": "text/html", "accept-language": "zh-CN"})
    assert said.status_code == 404
    assert "此地址没有内容" in said.text


def test_who_may_not_read_gets_a_page_and_a_program_gets_json(client) -> None:
    page = client.get("/documents", as_="nobody", headers={"accept": "text/html", "accept-language": "zh-CN"})
    assert page.status_code == 403
    assert page.headers["content-type"].startswith("text/html")
    assert "您的账户无权查看此内容" in page.text
    assert client.get("/documents", as_="nobody").json()["error"]["code"] == "NOT_ALLOWED"


def test_empty_ledger_says_what_will_come(client) -> None:
    assert "No documents yet" in client.get("/documents").text
    assert "No files yet" in client.get("/files").text


def test_chinese(client, seeded: Seeded) -> None:
    html = client.get("/documents", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.5"}).text
    assert 'lang="zh-CN"' in html
    assert "已隔离" in html
    switched = client.get("/documents?lang=zh-CN")
    assert "orderhub_lang=zh-CN" in switched.headers["set-cookie"]
    document = client.get(f"/documents/{seeded.documents['quarantined']}?lang=zh-CN").text
    assert "重试" in document


def test_looking_for_news_of_a_document_leaves_the_archive_alone(client, app, seeded: Seeded) -> None:
    class Closed:
        def chunks(self, key: str) -> Iterator[bytes]:
            raise AssertionError("the original was opened")

    app.state.reading._archive = Closed()
    address = f"/documents/{seeded.documents['quarantined']}"
    first = client.get(f"{address}/live", headers={"HX-Request": "true"})
    assert first.status_code == 200
    assert 'data-opens="retry"' in first.text
    assert 'id="cards"' in first.text
    again = client.get(f"{address}/live", headers={"HX-Request": "true", "X-Seen": first.headers["x-digest"]})
    assert again.status_code == 204
    # the page itself does need it
    assert client.get(address).status_code == 500


@pytest.mark.parametrize(
    ("sort", "said"),
    [
        ("-received", b"[Infinity,1]"),
        ("-received", b'["2026-01-01T00:00:00+00:00",Infinity]'),
        ("number", rb'["\ud800",1]'),
        ("number", b'["x",-Infinity]'),
        ("number", b'["x",NaN]'),
        ("updated", b"[1e999,1]"),
        ("updated", b"[[],{}]"),
    ],
)
def test_a_cursor_of_somebodys_own_making_is_passed_over(
    client, seeded: Seeded, sort: str, said: bytes
) -> None:
    cursor = base64.urlsafe_b64encode(said).decode()
    for query in ("after", "before"):
        for path in ("/documents", "/files", "/api/v1/documents"):
            answer = client.get(path, params={"sort": sort, query: cursor})
            assert answer.status_code == 200, (path, query)
