"""Nothing gets past the door: no route, no schema, no static file, no foreign page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from starlette.routing import Mount, Route
from web_seeding import Seeded

from orderhub.ledger import audit
from orderhub.web.app import STATIC, create_app
from orderhub.web.ports import User, WebSettings

pytestmark = pytest.mark.integration


def every_address(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of all routes, mounted files too."""
    for route in app.routes:
        if isinstance(route, Mount):
            for file in STATIC.iterdir():
                yield "GET", f"{route.path}/{file.name}"
            yield "GET", f"{route.path}/"
        elif isinstance(route, Route):
            path = re.sub(r"\{[^}]*\}", "1", route.path)
            for method in sorted(route.methods or ()):
                yield method, path
        else:  # FastAPI keeps included routers as they are
            for one in route.effective_route_contexts():
                yield from ((method, re.sub(r"\{[^}]*\}", "1", one.path)) for method in sorted(one.methods))


def test_every_route_refuses_who_is_not_signed_in(client, seeded: Seeded) -> None:
    addresses = set(every_address(client.app))
    assert {
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/static/app.js"),
        ("GET", "/documents/1"),
        ("GET", "/"),
        ("GET", "/flows"),
        ("GET", "/flows/1"),
        ("GET", "/runs"),
        ("GET", "/runs/1"),
    } <= addresses
    assert ("POST", "/api/v1/documents/1/retry") in addresses
    assert len(addresses) > 25
    for method, path in [*addresses, ("GET", "/nothing-here"), ("OPTIONS", "/documents"), ("TRACE", "/")]:
        answer = client.request(method, path, as_=None)
        assert answer.status_code == 401, (method, path)
        assert "ACME" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]


def test_every_route_refuses_who_may_not_read(client, seeded: Seeded) -> None:
    for method, path in every_address(client.app):
        # the intake knows keys only, whoever is signed in
        expected = 401 if path.startswith("/api/v1/intake/") else 403
        assert client.request(method, path, as_="nobody").status_code == expected, (method, path)


def test_a_person_is_sent_to_the_sign_in_and_back(client) -> None:
    answer = client.get(
        "/documents?q=a&state=loaded", as_=None, headers={"accept": "text/html", "sec-fetch-mode": "navigate"}
    )
    assert answer.status_code == 302
    assert answer.headers["location"] == "/auth/login?next=/documents%3Fq%3Da%26state%3Dloaded"
    for headers in (
        {"sec-fetch-mode": "cors", "accept": "text/html"},
        {"hx-request": "true", "accept": "text/html"},
    ):
        assert client.get("/documents", as_=None, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "path", ["/documents/{id}/retry", "/documents/{id}/discard", "/api/v1/documents/{id}/retry"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://hub.example:8080"},
        {"origin": "http://hub.example", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {},
    ],
)
def test_foreign_pages_cannot_act(
    client, seeded: Seeded, engine: Engine, path: str, headers: dict[str, str]
) -> None:
    number = seeded.documents["quarantined"]
    answer = client.post(
        path.format(id=number), same_origin=False, headers=headers, data={"reason": "because"}
    )
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "FOREIGN_ORIGIN"
    with engine.connect() as connection:
        state = connection.execute(text("SELECT state FROM ledger.document WHERE id = :id"), {"id": number})
        assert state.scalar_one() == "quarantined"


def test_own_page_proxy_and_token_may_act(client, seeded: Seeded, engine: Engine, archive) -> None:
    path = f"/documents/{seeded.documents['quarantined']}/discard"
    assert (
        client.post(path, headers={"sec-fetch-site": "same-origin"}, data={"reason": ""}).status_code == 409
    )
    token = {"authorization": "Bearer something"}
    assert client.post(path, same_origin=False, headers=token, data={"reason": ""}).status_code == 409

    async def me(request: object) -> User:
        return User("anna", "Anna", can_act=True)

    settings = WebSettings(allowed_origins=frozenset({"https://orders.example"}))
    proxied = type(client)(create_app(engine=engine, archive=archive, current_user=me, settings=settings))
    answer = proxied.post(
        path, same_origin=False, headers={"origin": "https://orders.example"}, data={"reason": ""}
    )
    assert answer.status_code == 409


def test_a_reader_may_not_act(client, seeded: Seeded) -> None:
    number = seeded.documents["quarantined"]
    assert client.post(f"/documents/{number}/retry", as_="viewer").status_code == 403
    page = client.get(f"/documents/{number}", as_="viewer")
    assert page.status_code == 200
    assert 'data-opens="retry"' not in page.text
    assert '<form method="post"' not in page.text


def test_retry_moves_the_document_and_leaves_an_audit_row(client, seeded: Seeded, engine: Engine) -> None:
    number = seeded.documents["quarantined"]
    answer = client.post(
        f"/documents/{number}/retry", headers={"hx-request": "true"}, data={"reason": "mapping corrected"}
    )
    assert answer.status_code == 204
    assert answer.headers["hx-redirect"] == f"/documents/{number}"
    html = client.get(f"/documents/{number}").text
    assert "Waiting for the next run of the flow" in html
    assert 'data-follow="1"' in html
    with engine.connect() as connection:
        row = audit.rows(connection, subject=f"document:{number}")[0]
        assert (row.actor, row.action, row.detail["reason"]) == (
            "anna",
            "document.retry",
            "mapping corrected",
        )
        assert audit.verify(connection).ok
    # somebody else was faster
    again = client.post(f"/documents/{number}/retry", headers={"hx-request": "true"})
    assert again.status_code == 409
    assert 'class="problem"' in again.text
    assert client.post(f"/documents/{number}/retry").status_code == 409
    assert client.post("/documents/424242/retry").status_code in (404, 409)


def test_discard_needs_a_reason(client, seeded: Seeded) -> None:
    number = seeded.documents["quarantined"]
    assert client.post(f"/documents/{number}/discard", data={"reason": "  "}).status_code == 409
    done = client.post(f"/documents/{number}/discard", data={"reason": "sent by mistake"})
    assert done.status_code == 303
    html = client.get(f"/documents/{number}").text
    assert 'data-state="discarded"' in html
    assert "sent by mistake" in html


def test_headers_of_data_and_of_static_files(client, seeded: Seeded) -> None:
    page = client.get("/documents")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    # nothing in the pages needs what the policy forbids
    paths = [
        "/",
        "/?window=30d",
        "/documents",
        f"/documents/{seeded.documents['quarantined']}",
        "/files",
        "/docs",
    ]
    paths += ["/flows", "/flows/acme_orders", "/runs/1", "/runs?flow=acme_orders&run=none"]
    for path in paths:
        html = client.get(path).text
        assert not re.search(r"(?:src|href|action)=[\"'](?:https?:)?//", html), path
        assert not re.search(r"<script(?![^>]*\bsrc=)", html)
        assert not re.search(r"\son[a-z]+=|\sstyle=|javascript:", html)
    assert client.get("/static/app.js").headers.get("cache-control") != "no-store"
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404


def test_works_under_a_path(engine: Engine, archive, client, seeded: Seeded) -> None:
    """Mounted as Airflow does it: every link stays inside, and the door holds."""
    outer = FastAPI(openapi_url=None)
    outer.mount("/orderhub", client.app)
    mounted = type(client)(outer)
    assert mounted.get("/orderhub/openapi.json", as_=None).status_code == 401
    assert mounted.get("/orderhub/static/app.js", as_=None).status_code == 401
    home = mounted.get("/orderhub/")
    assert 'href="/orderhub/documents' in home.text
    html = mounted.get(f"/orderhub/documents/{seeded.documents['quarantined']}").text
    links = re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', html)
    assert links
    outside = [link for link in links if not link.startswith(("/orderhub/", "/dags/"))]
    assert outside == []
    script = next(link for link in links if "app.js" in link)
    assert mounted.get(script).headers.get("cache-control") != "no-store"
    answer = mounted.post(f"/orderhub/documents/{seeded.documents['quarantined']}/retry")
    assert answer.headers["location"] == f"/orderhub/documents/{seeded.documents['quarantined']}"


def test_what_nobody_foresaw_is_logged_and_not_told(
    client, app: FastAPI, seeded: Seeded, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError("the secret of the house")

    app.state.reading = Broken()
    page = client.get("/documents", headers={"accept": "text/html", "accept-language": "zh-CN"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "操作未成功" in page.text
    part = client.get("/documents", headers={"accept": "text/html", "hx-request": "true"})
    data = client.get("/api/v1/documents")
    assert part.json()["error"]["code"] == data.json()["error"]["code"] == "INTERNAL_ERROR"
    for answer in (page, part, data):
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    failures = [record for record in caplog.records if record.name == "orderhub.web.guard"]
    assert len(failures) == 3
    assert all(record.exc_info and "secret" in str(record.exc_info[1]) for record in failures)


def test_a_sign_in_that_fails_lets_nobody_in(client, engine: Engine, archive) -> None:
    async def broken(request: object) -> User | None:
        raise RuntimeError("the secret of the house")

    client.app = create_app(engine=engine, archive=archive, current_user=broken)
    for path in ("/documents", "/static/app.js"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (500, "no-store")
        assert "secret" not in answer.text
