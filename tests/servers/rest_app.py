"""A small JSON API of the tests' own, run as a process: records paged in five ways, orders that can be written and looked up,
a token endpoint whose tokens end early, and faults on demand. Two more of its corners answer as ERPNext and Odoo do according
to their documentation; they are descriptions played back, not those programs.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware.base import RequestResponseEndpoint

app = FastAPI(openapi_url="/openapi.json", docs_url=None, redoc_url=None)


class State:
    """All that the server knows."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.faults: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.tokens_given = 0
        self.token_left = 0
        self.token_lives: int | None = None
        self.numbers = itertools.count(1)


state = State()


@app.middleware("http")
async def faults(request: Request, call_next: RequestResponseEndpoint) -> Response:
    path = request.url.path
    if path.startswith("/_"):
        return await call_next(request)
    state.asked.append(f"{request.method} {path}")
    if path != "/token" and state.token_lives is not None:
        given = request.headers.get("authorization")
        if given != f"Bearer t{state.tokens_given}" or state.token_left <= 0:
            return JSONResponse({"error": "invalid_token"}, 401)
        state.token_left -= 1
    for fault in state.faults:
        if fault["method"] != request.method or not path.startswith(fault["path"]) or fault["count"] <= 0:
            continue
        if fault.get("skip", 0) > 0:
            fault["skip"] -= 1
            continue
        fault["count"] -= 1
        if fault.get("after"):
            await call_next(request)  # what it does is done, and nobody is told
        if fault.get("stall"):
            await asyncio.sleep(fault["stall"])
        return Response(fault.get("body", ""), fault.get("status", 500), fault.get("headers", {}))
    return await call_next(request)


@app.post("/_reset", include_in_schema=False)
async def reset(request: Request) -> dict[str, Any]:
    state.__init__()  # type: ignore[misc]  # a fresh one in the same place
    for name, value in (await request.json()).items():
        setattr(state, name, value)
    return {}


@app.post("/_set", include_in_schema=False)
async def set_(request: Request) -> dict[str, Any]:
    for name, value in (await request.json()).items():
        setattr(state, name, value)
    return {}


@app.get("/_state", include_in_schema=False)
async def seen() -> dict[str, Any]:
    return {name: getattr(state, name) for name in ("records", "orders", "asked", "tokens_given", "faults")}


@app.post("/_arrive", include_in_schema=False)
async def arrive(request: Request) -> dict[str, Any]:
    number = next(state.numbers)
    given = await request.json()
    seconds = f"2026-11-02T08:{number // 60:02d}:{number % 60:02d}Z"
    state.records.append(
        {"id": number, "updated_at": given.pop("updated_at", seconds), "price": 0.1, **given}
    )
    return {}


def _since(since: str | None) -> list[dict[str, Any]]:
    return [record for record in state.records if since is None or record["updated_at"] >= since]


def _exact(body: Any, headers: dict[str, str] | None = None) -> Response:
    """JSON in which a price is a number with all its digits, which no float has."""
    text = json.dumps(body).replace('"price": 0.1', '"price": 0.1000000000000000055511151231257827')
    return Response(text, 200, headers, "application/json")


@app.get("/offset")
async def by_offset(offset: int = 0, limit: int = 2, since: str | None = None) -> Response:
    return _exact({"data": {"items": _since(since)[offset : offset + limit]}})


@app.get("/page")
async def by_page(page: int = 1, per_page: int = 2) -> Response:
    return _exact(state.records[(page - 1) * per_page : page * per_page])


@app.get("/cursor")
async def by_cursor(after: str | None = None) -> Response:
    start = int(base64.b64decode(after)) if after else 0
    rest = len(state.records) > start + 2
    cursor = base64.b64encode(str(start + 2).encode()).decode() if rest else None
    return _exact({"items": state.records[start : start + 2], "meta": {"next": cursor}})


@app.get("/linked")
async def by_link(request: Request, start: int = 0) -> Response:
    rest = len(state.records) > start + 2
    links = [
        f'<{request.url.path}>; rel="first"',
        f'<?start={start + 2}>; title="a, b"; rel="next"' if rest else "",
    ]
    return _exact(state.records[start : start + 2], {"Link": ", ".join(filter(None, links))})


@app.get("/next")
async def by_next(start: int = 0, hop: str | None = None) -> Response:
    rest = len(state.records) > start + 2
    following = hop or (f"/next?start={start + 2}" if rest else None)
    return _exact({"value": state.records[start : start + 2], "links": {"next": following}})


@app.post("/token", include_in_schema=False)
async def token() -> dict[str, Any]:
    state.tokens_given += 1
    state.token_left = state.token_lives or 0
    return {"access_token": f"t{state.tokens_given}", "token_type": "Bearer", "expires_in": 3600}


@app.post("/orders", status_code=201)
async def order(request: Request) -> Response:
    body = json.loads(await request.body())
    if not isinstance(body.get("number"), str) or body["number"].endswith("-bad"):
        return JSONResponse({"message": f"Order {body.get('number')} is not acceptable."}, 422)
    key = request.headers.get("idempotency-key")
    if key is not None:
        for known in state.orders:
            if known["idempotency"] == key:
                return JSONResponse(known, 201)
    state.orders.append({**body, "id": f"PO-{len(state.orders) + 1:05d}", "idempotency": key})
    return JSONResponse(state.orders[-1], 201)


@app.get("/orders")
async def orders(external_id: str) -> Response:
    # compares loosely, as some databases do
    wanted = external_id.lower().strip("%")
    return JSONResponse(
        {"data": [one for one in state.orders if wanted in one.get("external_id", "").lower()]}
    )


@app.get("/orders/{number}")
async def one_order(number: str) -> Response:
    found = [one for one in state.orders if one["number"] == number]
    return JSONResponse(found[0] if found else {"message": "none"}, 200 if found else 404)


# ERPNext: /api/resource/<DocType>, filters as JSON, the document under "data", refusals with 417


@app.get("/api/resource/{doctype}", include_in_schema=False)
async def erpnext_list(
    doctype: str, filters: str = "[]", limit_start: int = 0, limit_page_length: int = 20
) -> Response:
    rows = state.orders if doctype == "Purchase Order" else state.records
    for field, operator, value in json.loads(filters):
        if operator == "=":
            rows = [row for row in rows if row.get(field) == value]
        elif operator == ">=":
            rows = [row for row in rows if row.get(field) >= value]
        else:
            return JSONResponse({"exc_type": "ValidationError"}, 417)
    return _exact({"data": rows[limit_start : limit_start + limit_page_length]})


@app.post("/api/resource/{doctype}", include_in_schema=False)
async def erpnext_insert(doctype: str, request: Request) -> Response:
    if request.headers.get("authorization") != "token key:secret":
        return JSONResponse({"exc_type": "AuthenticationError"}, 401)
    body = json.loads(await request.body())
    if not body.get("supplier"):
        message = json.dumps([json.dumps({"message": "Could not find Supplier: "})])
        return JSONResponse({"exc_type": "LinkValidationError", "_server_messages": message}, 417)
    state.orders.append({**body, "doctype": doctype, "name": f"PUR-ORD-2026-{len(state.orders) + 1:05d}"})
    return JSONResponse({"data": state.orders[-1]}, 200)


# Odoo: JSON-RPC at /jsonrpc, execute_kw with database, user id and key; errors come with status 200


@app.post("/jsonrpc", include_in_schema=False)
async def odoo(request: Request) -> Response:
    call = json.loads(await request.body())
    database, user, secret, model, method, args, *options = call["params"]["args"]
    given = options[0] if options else {}

    def answer(**what: Any) -> Response:
        return JSONResponse({"jsonrpc": "2.0", "id": call.get("id"), **what})

    def error(name: str, message: str) -> Response:
        data = {"name": name, "message": message, "debug": "Traceback (most recent call last): ..."}
        return answer(error={"code": 200, "message": "Odoo Server Error", "data": data})

    if (database, user, secret) != ("acme", 2, "secret"):
        return error("odoo.exceptions.AccessDenied", "Access Denied")
    rows = state.orders if model == "purchase.order" else state.records
    if method == "search_read":
        for field, operator, value in args[0]:
            rows = [r for r in rows if (r.get(field) == value if operator == "=" else r.get(field) >= value)]
        start = given.get("offset", 0)
        return answer(result=rows[start : start + given.get("limit", 80)])
    if method == "create":
        [values] = args
        if not values.get("partner_ref"):
            return error("odoo.exceptions.ValidationError", "Vendor is missing")
        state.orders.append({**values, "id": len(state.orders) + 1})
        return answer(result=len(state.orders))
    return error("odoo.exceptions.UserError", method)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_keep_alive=5)
