"""What every page route needs: the signed-in user, the language, links, and a template turned into an answer."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from orderhub.errors import HubError
from orderhub.web import i18n, templating
from orderhub.web.ports import User, WebSettings
from orderhub.web.reading import Reading
from orderhub.web.watching import Watching

_AGE = re.compile(rb"(<time [^>]*>)[^<]*")


def user_of(request: Request) -> User:
    """Who sends the request; the guard has let nobody else through."""
    user: User = request.state.user
    return user


def reading_of(request: Request) -> Reading:
    reading: Reading = request.app.state.reading
    return reading


def watching_of(request: Request) -> Watching:
    watching: Watching = request.app.state.watching
    return watching


def settings_of(request: Request) -> WebSettings:
    settings: WebSettings = request.app.state.settings
    return settings


def base_of(request: Request) -> str:
    """The path this app is mounted under, without a slash at the end (empty when it stands alone)."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


def is_partial(request: Request) -> bool:
    """Whether htmx wants a part of the page (a restored history entry wants the whole)."""
    headers = request.headers
    return "hx-request" in headers and "hx-history-restore-request" not in headers


def render(request: Request, template: str, /, *, status: int = 200, **context: Any) -> Response:
    """A template as HTML. Sets the language cookie when the address asked for a language."""
    language = i18n.negotiate(request)
    env = templating.environment(language)
    html = env.get_template(template).render(
        base=base_of(request),
        user=user_of(request),
        settings=settings_of(request),
        path=request.url.path.removeprefix(base_of(request)) or "/",
        version=request.app.state.static_version,
        **context,
    )
    answer = HTMLResponse(html, status_code=status, headers={"vary": "HX-Request, Accept-Language, Cookie"})
    answer.headers["content-language"] = language.tag
    asked = i18n.match(request.query_params.get("lang", ""))
    if asked is not None:
        answer.set_cookie(
            i18n.COOKIE,
            asked.tag,
            max_age=365 * 86400,
            path=base_of(request) or "/",
            samesite="lax",
            secure=request.url.scheme == "https",
        )
    return answer


def unless_seen(request: Request, answer: Response) -> Response:
    """204 when the part of the page that the browser shows is the same: then nothing on it moves.

    The next request carries the digest of what is shown in ``X-Seen``. Ages ("2 minutes ago") do not count: the
    page's script keeps them up to date.
    """
    still = _AGE.sub(rb"\1", bytes(answer.body))
    digest = hashlib.sha256(still).hexdigest()[:16]
    if request.headers.get("x-seen") == digest:
        return Response(status_code=204, headers={"x-digest": digest})
    answer.headers["x-digest"] = digest
    return answer


def refused(request: Request, problem: HubError) -> Response:
    """Why what somebody wanted to do was not done, for the dialog that asked for it."""
    status = 503 if problem.retryable else 409
    return render(request, "action_problem.html", status=status, message=f"{problem.what} {problem.todo}")


def partial_list(request: Request, answer: Response, address: str) -> Response:
    """A list as a part of the page: the browser's address becomes ``address``, unless it only looked for news."""
    if "x-seen" not in request.headers:
        answer.headers["hx-push-url"] = base_of(request) + address
    return unless_seen(request, answer)
