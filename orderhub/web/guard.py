"""The door: one ASGI middleware before every route, static file and schema. Nothing passes unless it is allowed.

It asks who sends the request, refuses who is not signed in, refuses unsafe requests that another site sends with the
person's cookies (Origin and Sec-Fetch-Site, see the OWASP cheat sheet on cross-site request forgery), and sets the
security headers on every answer, refusals and failures too.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderhub.web import i18n
from orderhub.web.i18n import N_
from orderhub.web.ports import CurrentUser, User, WebSettings

log = logging.getLogger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Deny by default; see the module.

    :param by_key: whether a path within this app is one of those that ask for a key of their own instead. There nobody's
        cookies count, and nobody is signed in.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        current_user: CurrentUser,
        settings: WebSettings,
        by_key: Callable[[str], bool] | None = None,
    ) -> None:
        self.app = app
        self.current_user = current_user
        self.settings = settings
        self.by_key = by_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            # The pages have no WebSocket; a handshake is refused before anything looks at it.
            await send({"type": "websocket.close", "code": 1008})
            return

        request = Request(scope, receive)
        cacheable = started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if not cacheable or message["status"] >= 400:
                    headers["cache-control"] = "no-store"
            await send(message)

        try:
            if self.by_key is not None and self.by_key(_path(scope)):
                user, answer = None, self.app
            else:
                user = await self.current_user(request)
                answer = self._refusal(request, user) or self.app
            scope.setdefault("state", {})["user"] = user
            cacheable = answer is self.app and _path(scope).startswith("/static/")
            await answer(scope, receive, send_with_headers)
        except Exception:
            if started:
                # Half an answer cannot be mended: the server logs this and breaks the connection off.
                raise
            log.exception("%s %r failed", request.method, request.url.path)
            said = N_("Something in Orderhub failed. Try again later; the service's log says what it was.")
            await _said(request, 500, "INTERNAL_ERROR", said)(scope, receive, send_with_headers)

    def _refusal(self, request: Request, user: User | None) -> Response | None:
        if user is None:
            if self.settings.sign_in_url and _is_navigation(request):
                here = quote(
                    request.url.path + (f"?{request.url.query}" if request.url.query else ""), safe="/"
                )
                return RedirectResponse(self.settings.sign_in_url.replace("{next}", here), status_code=302)
            return _error(401, "NOT_SIGNED_IN", "You are not signed in. Sign in and try again.")
        if not user.can_read:
            return _said(
                request,
                403,
                "NOT_ALLOWED",
                N_("Your account may not see this. Ask an administrator for access."),
            )
        if request.method not in SAFE_METHODS:
            if not self._same_origin(request.headers):
                return _error(
                    403,
                    "FOREIGN_ORIGIN",
                    "This request came from another site. Use Orderhub's own page instead.",
                )
            if not user.can_act:
                return _error(
                    403, "NOT_ALLOWED", "Your account may only read. Ask an administrator for access."
                )
        return None

    def _same_origin(self, headers: Headers) -> bool:
        """Whether the page that sends an unsafe request is ours.

        Browsers always send one of both headers on such requests and pages cannot forge them. A client that sends
        neither is no browser; it must show a token of its own, since a cookie alone proves nothing.
        """
        site = headers.get("sec-fetch-site")
        origin = headers.get("origin")
        if origin is not None and origin in self.settings.allowed_origins:
            return True
        if site is not None:
            return site == "same-origin"
        if origin is not None:
            return bool(origin != "null" and urlsplit(origin).netloc == headers.get("host", ""))
        return headers.get("authorization", "").lower().startswith("bearer ")


def _path(scope: Scope) -> str:
    """The path inside this app, whatever it is mounted under."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root + "/") else path


def _is_navigation(request: Request) -> bool:
    """Whether a person's browser opens a page, as against a script, a style or an API client asking for data."""
    if request.method not in ("GET", "HEAD") or "hx-request" in request.headers:
        return False
    mode = request.headers.get("sec-fetch-mode")
    if mode is not None:
        return mode == "navigate"
    return "text/html" in request.headers.get("accept", "")


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


def _said(request: Request, status: int, code: str, said: str) -> Response:
    """A refusal or a failure that nobody foresaw, as a page where a person's browser asks for one.

    Without templates, which may be what failed, and without anything that only a reader may fetch.
    """
    if "text/html" not in request.headers.get("accept", "") or "hx-request" in request.headers:
        return _error(status, code, said)
    language = i18n.negotiate(request)
    _ = i18n.catalog(language).gettext
    title = html.escape(_("This did not work"))
    return HTMLResponse(
        f'<!doctype html><html lang="{language.tag}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><h1>{title}</h1><p>{html.escape(_(said))}</p><p><code>{code}</code></p></html>",
        status_code=status,
        headers={"vary": "HX-Request, Accept-Language, Cookie", "content-language": language.tag},
    )
