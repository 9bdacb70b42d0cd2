"""Whether the ERP's server answers."""

from __future__ import annotations

import httpx


def answers(url: str) -> bool:
    """Whether a Tryton server answers at ``http://host:port`` (its version, which needs no session)."""
    request = {"id": 0, "method": "common.server.version", "params": []}
    try:
        answer = httpx.post(f"{url}/rpc/", json=request, timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK and "result" in answer.json()
