"""The API's reference as a page of ours (the usual ones load scripts from elsewhere, which the guard forbids)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orderhub.web import page

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs(request: Request) -> Response:
    """Every route of the API with its parameters, from the same schema as openapi.json."""
    schema = request.app.openapi()
    routes = [
        {"method": method.upper(), "path": path, **operation}
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    return page.render(request, "reference.html", routes=routes, here="docs")
