"""A real SOAP server of the tests' own: the npm package `soap` in a process of its own, on a free port."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import lifetime

from orderhub.connector import Credentials
from orderhub.testing import Failure, PortsForTests

FOLDER = Path(__file__).with_name("soap_server")
USER, PASSWORD = "hub", "secret"
#: Patience that suits tests: an answer that does not come is given up soon.
HTTP = {
    "timeout_seconds": 15,
    "retry": {"attempts": 2, "first_seconds": 0.01},
    "breaker": {"failures": 1000, "rest_seconds": 0},
}
PULL = {
    "operation": "GetOrders",
    "parameters": {"since": "{mark}", "limit": "{limit}"},
    "records": "order",
    "mark": "mark",
    "more": "more",
}
CONFIRM = {"operation": "Confirm", "parameters": {"sequence": "{taken}"}, "taken": "order/@sequence"}
LOAD = {
    "operation": "SubmitOrder",
    "mapping": "purchase_order__exchange",
    "key": "requestId",
    "idempotent": True,
    "reference": "orderId",
    "status": "status",
    "unchanged": ["KNOWN"],
}
FIND = {"operation": "FindOrder", "parameters": {"requestId": "{key}"}, "reference": "orderId"}
#: A request without any mapping.
PARAMETERS = {
    "order": {
        "number": "{document.number}",
        "issuedOn": "{document.issued_on}",
        "currency": "{document.currency}",
        "buyer": "{document.buyer.gln}",
        "supplier": "{document.supplier.gln}",
        "line": [{"position": 1, "gtin": "4019999011016", "quantity": 1, "unit": "C62", "price": "0.12"}],
    }
}
FAULTS = {"code": "Problem/code", "rejected": ["SUPPLIER_UNKNOWN"], "unavailable": ["BUSY"]}


@dataclass
class Exchange:
    """The running server. ``does`` changes what goes wrong (see server.js), ``told`` says what the server has."""

    port: int
    control: int
    scheme: str = "http"

    @property
    def base(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def wsdl(self, name: str = "open") -> str:
        return f"{self.base}/{name}?wsdl"

    def _control(self, content: dict[str, Any] | None = None) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.control}/"
        method = "GET" if content is None else "POST"
        found = httpx.request(method, url, json=content, timeout=60, trust_env=False)
        told: dict[str, Any] = found.json()
        return told

    def reset(self) -> None:
        self._control({"reset": True})

    def does(self, **mode: Any) -> None:
        self._control({"mode": mode})

    def put(self, *orders: dict[str, Any]) -> None:
        self._control({"orders": list(orders)})

    def told(self) -> dict[str, Any]:
        return self._control()

    def effects(self, keys: Sequence[str]) -> dict[str, int]:
        """How often the server took each key."""
        taken = [one["requestId"] for one in self.told()["submitted"]]
        return {key: taken.count(key) for key in keys if key in taken}

    def picture(self) -> object:
        """What ``check`` must leave alone."""
        told = self.told()
        return told["orders"], told["submitted"]

    @contextmanager
    def cut(self, at: int, *, after: bool, **mode: Any) -> Iterator[Failure]:
        """The connection ends at the n-th request, before the server does it or after."""
        failure = Failure()
        self.does(cut=at, after=after, **mode)
        yield failure
        failure.happened = self.told()["failed"]
        self.does(**mode)


def order(number: str, **changes: Any) -> dict[str, Any]:
    """An order as the exchange has it."""
    line = {"position": 1, "gtin": "4019999011016", "quantity": 10, "unit": "C62", "price": "0.12"}
    content = {
        "number": number,
        "issuedOn": "2026-11-02",
        **({"deliverOn": changes["deliverOn"]} if "deliverOn" in changes else {}),
        "currency": "EUR",
        "buyer": "4299999001006",
        "supplier": "4019999010002",
        "line": [line],
    }
    return content | changes


@contextmanager
def served(exchange: Exchange, change: Callable[[str], str]) -> Iterator[str]:
    """A changed WSDL at an address of the same server."""
    text = (FOLDER / "exchange.wsdl").read_text().replace("ADDRESS", f"{exchange.base}/open")
    exchange.does(documents={"/changed.wsdl": change(text)})
    yield f"{exchange.base}/changed.wsdl"


def ports_of(
    url: str, *, write: Any = None, user: str | None = None, secret: str | None = None, **extra: Any
) -> PortsForTests:
    """Ports with the exchange as the connection ``exchange``."""
    return PortsForTests(
        credentials={"exchange": Credentials(url=url, user=user, secret=secret, extra=extra)},
        resources={"write": write} if write is not None else {},
    )


def modules(cache: Path) -> Path:
    """The server's packages, installed once beside other caches of the tests."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node or npm is missing, and with them the npm package soap")
    content = b"".join((FOLDER / name).read_bytes() for name in ("package.json", "package-lock.json"))
    folder = cache / f"npm-soap-{hashlib.sha256(content).hexdigest()[:12]}"
    cache.mkdir(mode=0o711, parents=True, exist_ok=True)
    with (cache / "npm-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(FOLDER / name, folder)
            ran = subprocess.run(
                [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
            )
            if ran.returncode != 0:
                pytest.skip(f"the npm package soap cannot be installed: {ran.stderr[-300:]}")
            (folder / "complete").touch()
    return folder / "node_modules"


@contextmanager
def running(cache: Path, *, key: Path | None = None, certificate: Path | None = None) -> Iterator[Exchange]:
    """A server, over HTTPS when it is given a key and a certificate. It ends with this process, whatever happens."""
    packages = modules(cache)
    secure = [str(key), str(certificate)] if key is not None and certificate is not None else []
    process = lifetime.start(
        [str(shutil.which("node")), str(FOLDER / "server.js"), str(packages), *secure],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stdout.readline() if process.stdout is not None else ""
        if not first:
            raise RuntimeError("the SOAP server did not start; its error stands above")
        yield Exchange(**json.loads(first), scheme="https" if secure else "http")
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
