"""A small OData V4 service of the tests' own: one set, server-driven paging, delta links with removed entities, tokens that
run out. mock-sap cuts no pages, so paging is shown here, on a server written for it."""

from __future__ import annotations

import http.server
import json
import re
import threading
import urllib.parse
from typing import Any

METADATA = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="test.records" Alias="SELF" xmlns="http://docs.oasis-open.org/odata/ns/edm">
<EntityType Name="Base"><Key><PropertyRef Name="Id"/></Key><Property Name="Id" Type="Edm.Int32" Nullable="false"/></EntityType>
<EntityType Name="Record" BaseType="SELF.Base"><Property Name="Content" Type="Edm.String"/>
<Property Name="UpdatedAt" Type="Edm.DateTimeOffset"/><Property Name="Price" Type="Edm.Decimal" Scale="variable"/>
<NavigationProperty Name="Parts" Type="Collection(test.records.Base)"/></EntityType>
<EntityContainer Name="All"><EntitySet Name="Records" EntityType="SELF.Record"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""


class Odata4:
    """``url`` is the service. Every change has a number; a delta link names the one that was the last."""

    def __init__(self) -> None:
        self.changes: list[tuple[int, dict[str, Any] | None]] = []
        self.forgot = False
        self.largest_page = 2
        self.tracks = True
        self.asked: list[str] = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body, kind = service.answer(self.path, self.headers.get("Prefer", ""))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/odata"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def clear(self) -> None:
        self.__dict__.update(changes=[], forgot=False, largest_page=2, tracks=True, asked=[])

    def put(self, number: int, content: str, at: str | None = None) -> None:
        """Create or change an entity."""
        when = at or f"2026-11-02T08:00:{len(self.changes) % 60:02d}Z"
        self.changes.append((number, {"Id": number, "Content": content, "UpdatedAt": when, "Price": 0.1}))

    def arrive(self, name: str, data: bytes) -> None:
        self.put(len(self.changes) + 1, data.decode())

    def remove(self, number: int) -> None:
        self.changes.append((number, None))

    def answer(self, target: str, prefer: str) -> tuple[int, bytes, str]:
        parts = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parts.query))
        self.asked.append(target)
        if parts.path == "/odata/$metadata":
            return 200, METADATA.encode(), "application/xml"
        if parts.path == "/odata/":
            return 200, b'{"value": []}', "application/json"
        if parts.path != "/odata/Records":
            return 404, b'{"error": {"code": "404", "message": "No such set"}}', "application/json"
        first = int(query.get("$deltatoken") or query.get("from") or 0)
        if first and self.forgot and "$deltatoken" in query:
            return (
                410,
                b'{"error": {"code": "410", "message": "The delta token ran out"}}',
                "application/json",
            )
        latest: dict[int, dict[str, Any] | None] = {}
        for number, entity in self.changes[first : int(query.get("upto") or len(self.changes))]:
            latest[number] = entity
        rows: list[dict[str, Any]] = [
            entity or {"@removed": {"reason": "deleted"}, "@id": f"Records({number})"}
            for number, entity in latest.items()
            if entity is not None or first > 0
        ]
        if since := re.search(r"UpdatedAt ge (\S+?Z)", query.get("$filter", "")):
            rows = [row for row in rows if row.get("UpdatedAt", "") >= since[1]]
        start = int(query.get("$skiptoken") or query.get("$skip") or 0)
        wanted = re.search(r"maxpagesize=(\d+)", prefer)
        size = int(query.get("$top") or min(self.largest_page, int(wanted[1]) if wanted else 9999))
        upto = int(query.get("upto") or len(self.changes))
        body: dict[str, Any] = {"@odata.context": "$metadata#Records", "value": rows[start : start + size]}
        if "$top" not in query:
            if start + size < len(rows):
                kept = {name: query[name] for name in ("$filter", "$deltatoken") if name in query}
                again = urllib.parse.urlencode(
                    {**kept, "from": first, "upto": upto, "$skiptoken": start + size}
                )
                body["@odata.nextLink"] = f"Records?{again}"
            elif self.tracks and ("track-changes" in prefer or first):
                body["@odata.deltaLink"] = f"{self.url}/Records?$deltatoken={upto}"
        exact = json.dumps(body).replace('"Price": 0.1', '"Price": 0.10000000000000000000000000001')
        return 200, exact.encode(), "application/json"
