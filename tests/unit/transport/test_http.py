"""The HTTP client against real servers: what is tried again, what is never sent twice, whom it trusts, what it shows."""

from __future__ import annotations

import datetime as dt
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted import Answer, Asked, Authority, Server, serving

from orderhub.connector import Credentials
from orderhub.errors import (
    ConnectorError,
    ConnectorProtocolError,
    ConnectorRefused,
    ConnectorUnavailable,
    OutcomeUnclear,
)
from orderhub.transport.breaker import BreakerSettings
from orderhub.transport.http import HttpClient, HttpRefused, HttpSettings, retry_after
from orderhub.transport.retry import RetrySettings

Build = Callable[..., HttpClient]
_numbers = itertools.count(1)


class Script:
    """Answers in turn, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def __call__(self, asked: Asked) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def build(slept: list[float]) -> Iterator[Build]:
    clients: list[HttpClient] = []
    # what failed is remembered by name and port, and a port may be another test's server's again
    name = f"test {next(_numbers)}"

    def make(url: str, *, attempts: int = 3, **settings: Any) -> HttpClient:
        more = {name: settings.pop(name) for name in ("user", "secret", "extra") if name in settings}
        settings.setdefault("retry", RetrySettings(attempts=attempts, first_seconds=0.01, most_seconds=5))
        client = HttpClient(
            Credentials(url=url, **more), HttpSettings(**settings), name=name, sleep=slept.append
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    "failure", [Answer(cut=True), Answer(500), Answer(502), Answer(503), Answer(504), Answer(408)]
)
def test_a_read_is_tried_again(build: Build, failure: Answer) -> None:
    with serving(Script(failure, failure, Answer(body=b"here"))) as server:
        assert build(server.url).request("GET", "orders", effect=False).content == b"here"
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "failure", [Answer(cut=True), Answer(500), Answer(502), Answer(503), Answer(504), Answer(408)]
)
def test_a_write_without_a_clear_answer_is_never_sent_twice(build: Build, failure: Answer) -> None:
    with serving(Script(failure)) as server, pytest.raises(OutcomeUnclear):
        build(server.url).request("POST", "orders", content=b"{}", effect=True)
    assert len(server.asked) == 1


def test_a_write_that_times_out_is_unclear(build: Build) -> None:
    with serving(Script(Answer(stall=60))) as server, pytest.raises(OutcomeUnclear):
        build(server.url, timeout_seconds=2).request("POST", "orders", content=b"{}", effect=True)
    assert len(server.asked) == 1


def test_a_write_that_may_be_repeated_is_until_it_is_answered(build: Build) -> None:
    with serving(Script(Answer(cut=True), Answer(201))) as server:
        answer = build(server.url).request("PUT", "orders/1", content=b"{}", effect=True, safe_to_repeat=True)
    assert (answer.status_code, len(server.asked)) == (201, 2)


def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_happened(build: Build) -> None:
    with serving(Script(Answer(cut=True), Answer(409))) as server, pytest.raises(OutcomeUnclear):
        build(server.url).request("POST", "orders", effect=True, safe_to_repeat=True)
    assert len(server.asked) == 2


def test_a_write_refused_for_now_is_sent_again_when_asked_to(build: Build, slept: list[float]) -> None:
    with serving(Script(Answer(429, {"Retry-After": "4"}), Answer(201))) as server:
        assert build(server.url).request("POST", "orders", effect=True).status_code == 201
    assert len(server.asked) == 2
    assert slept == [4.0]


def test_a_wait_that_is_too_long_is_left_to_the_scheduler(build: Build, slept: list[float]) -> None:
    with serving(Script(Answer(429, {"Retry-After": "3600"}))) as server, pytest.raises(ConnectorUnavailable):
        build(server.url).request("GET", "orders", effect=False)
    assert (len(server.asked), slept) == (1, [])


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    now = dt.datetime(2026, 11, 2, 8, 0, tzinfo=dt.UTC)

    def of(value: str) -> float | None:
        return retry_after(httpx.Response(429, headers={"Retry-After": value}), lambda: now)

    assert of("7") == 7
    assert of("Mon, 02 Nov 2026 08:01:30 GMT") == 90
    assert of("Mon, 02 Nov 2026 07:00:00 GMT") == 0
    assert of("soon") is None
    assert of("-1") is None
    assert retry_after(httpx.Response(429)) is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422])
def test_a_refusal_is_one_and_says_why(build: Build, status: int) -> None:
    body = b"<html><b>No such\x00 thing</b>\n here</html>"
    with serving(Script(Answer(status, body=body))) as server, pytest.raises(HttpRefused) as caught:
        build(server.url).request("POST", "orders", effect=True)
    assert (caught.value.status, len(server.asked)) == (status, 1)
    assert "No such" in str(caught.value)
    assert "\x00" not in str(caught.value)


def test_a_status_that_is_accepted_is_an_answer(build: Build) -> None:
    with serving(Script(Answer(500, body=b"fault"))) as server:
        answer = build(server.url).request("POST", "soap", effect=True, accept=(500,))
    assert answer.content == b"fault"


def test_what_is_not_there_is_unavailable_and_was_not_sent(build: Build) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = build(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConnectorUnavailable) as caught:
            client.request("POST", "orders", effect=True)
    assert caught.value.retryable


def test_an_answer_without_end_or_too_large_is_given_up(build: Build) -> None:
    with (
        serving(Script(Answer(body=b"x" * 5000))) as server,
        pytest.raises(ConnectorProtocolError, match="more than"),
    ):
        build(server.url, most_bytes=1024).request("GET", "orders", effect=False)


def test_a_write_whose_answer_is_too_large_may_have_been_executed(build: Build) -> None:
    with serving(Script(Answer(201, body=b"x" * 5000))) as server, pytest.raises(OutcomeUnclear):
        build(server.url, most_bytes=1024).request("POST", "orders", effect=True)
    assert len(server.asked) == 1


def test_an_answer_cut_in_the_middle_is_none(build: Build) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def half() -> None:
        line, _ = listener.accept()
        line.recv(65536)
        line.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")
        line.close()

    thread = threading.Thread(target=half)
    thread.start()
    with pytest.raises(OutcomeUnclear):
        build(f"http://127.0.0.1:{listener.getsockname()[1]}").request("POST", "orders", effect=True)
    thread.join()
    listener.close()


# redirects


def test_a_read_follows_a_redirect_on_the_same_host_only(build: Build) -> None:
    with serving(Script(Answer(302, {"Location": "/moved"}), Answer(body=b"there"))) as server:
        assert build(server.url).request("GET", "orders", effect=False).content == b"there"
    assert [asked.path for asked in server.asked] == ["/orders", "/moved"]


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:22/",
        "http://169.254.169.254/latest",
        "http://localhost:1/",
        "http://evil.example/",
        "file:///etc/passwd",
        "http://[::1]/",
    ],
)
def test_a_redirect_elsewhere_is_refused(build: Build, target: str) -> None:
    with serving(Script(Answer(302, {"Location": target}))) as server, pytest.raises(ConnectorRefused):
        build(server.url).request("GET", "orders", effect=False)
    assert len(server.asked) == 1


def test_a_redirect_to_an_allowed_host_takes_no_secret_along(build: Build) -> None:
    with (
        serving(Script(Answer(body=b"there"))) as other,
        serving(Script(Answer(307, {"Location": f"http://127.0.0.1:{other.port}/x"}))) as server,
    ):
        client = build(server.url, user="u", secret="hush", extra={"allowed_hosts": "127.0.0.1"})
        headers = {"X-Key": "hush", "Accept": "text/plain"}
        assert client.request("GET", "orders", headers=headers, effect=False).content == b"there"
    assert "Authorization" in server.asked[0].headers
    assert not {"Authorization", "X-Key"} & set(other.asked[0].headers)
    assert "hush" not in str(other.asked[0].headers)


def test_a_write_follows_no_redirect(build: Build) -> None:
    with (
        serving(Script(Answer(307, {"Location": "/moved"}))) as server,
        pytest.raises(ConnectorProtocolError),
    ):
        build(server.url).request("POST", "orders", effect=True)
    assert len(server.asked) == 1


def test_redirects_have_an_end(build: Build) -> None:
    with (
        serving(Script(Answer(302, {"Location": "/again"}))) as server,
        pytest.raises(ConnectorProtocolError),
    ):
        build(server.url).request("GET", "orders", effect=False)
    assert len(server.asked) == 6


# signing in


@pytest.mark.parametrize(
    ("extra", "header", "value"),
    [
        ({}, "Authorization", "Basic dXNlcjpodXNo"),
        ({"auth": "bearer"}, "Authorization", "Bearer hush"),
        ({"auth": "api_key"}, "X-API-Key", "hush"),
        ({"auth": "api_key", "api_key_header": "X-Token", "api_key_prefix": "key"}, "X-Token", "key hush"),
        (
            {
                "auth": "api_key",
                "api_key_header": "Authorization",
                "api_key_prefix": "token",
                "api_key_user": True,
            },
            "Authorization",
            "token user:hush",
        ),
    ],
)
def test_ways_of_signing_in(build: Build, extra: dict[str, Any], header: str, value: str) -> None:
    with serving(Script(Answer())) as server:
        build(server.url, user="user", secret="hush", extra=extra).request("GET", "orders", effect=False)
    assert server.asked[0].headers[header] == value


def test_a_key_in_the_query_is_sent_and_never_shown(build: Build) -> None:
    with serving(Script(Answer(404))) as server, pytest.raises(HttpRefused) as caught:
        build(server.url, secret="hush", extra={"auth": "api_key", "api_key_query": "key"}).request(
            "GET", "orders", params={"page": 2}, effect=False
        )
    assert server.asked[0].path == "/orders?page=2&key=hush"
    assert "hush" not in f"{caught.value!r} {caught.value} {caught.value.todo}"


def test_a_key_in_the_query_stands_in_no_log(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    """As a task of Airflow logs: everything from INFO on."""
    caplog.set_level("INFO")
    with serving(Script(Answer(503), Answer())) as server:
        build(server.url, secret="hush", extra={"auth": "api_key", "api_key_query": "key"}).request(
            "GET", "orders", effect=False
        )
    assert len(server.asked) == 2
    assert caplog.records, "the first answer is tried again, which is logged"
    assert "hush" not in caplog.text


@pytest.mark.parametrize("secret", ["hush-hush\n", "hush-hush ", "hush\r\nX-Other: hush"])
def test_a_secret_that_no_header_can_hold_is_refused_and_not_shown(build: Build, secret: str) -> None:
    """Copied out of a file with its line end."""
    for auth in ("bearer", "api_key"):
        with serving(Script(Answer())) as server, pytest.raises(ConnectorRefused) as caught:
            build(server.url, secret=secret, extra={"auth": auth}).request("GET", "orders", effect=False)
        assert "hush" not in f"{caught.value!r} {caught.value}"
        assert server.asked == []


def test_a_token_that_no_header_can_hold_is_not_shown(build: Build) -> None:
    token = Answer(body=b'{"access_token": "hush-hush\\n", "expires_in": 60}')
    with serving(Script(token)) as server, pytest.raises(ConnectorError) as caught:
        build(
            server.url, user="user", secret="word", extra={"auth": "oauth2", "token_url": "/token"}
        ).request("GET", "orders", effect=False)
    assert "hush" not in f"{caught.value!r} {caught.value}"


def test_a_query_of_the_address_goes_with_every_path(build: Build) -> None:
    with serving(Script(Answer())) as server:
        client = build(f"{server.url}/v1?tenant=7")
        client.request("GET", "/orders", params={"page": 2}, effect=False)
        client.request("GET", f"{server.url}/v1/next?x=1", effect=False)
    assert [asked.path for asked in server.asked] == ["/v1/orders?tenant=7&page=2", "/v1/next?x=1"]


def test_a_secret_that_the_server_gives_back_is_not_shown(build: Build) -> None:
    for status in (400, 500):
        with (
            serving(Script(Answer(status, body=b'{"error": "hush is no key"}'))) as server,
            pytest.raises(ConnectorError) as caught,
        ):
            build(server.url, secret="hush").request("POST", "orders", effect=True)
        assert "*** is no key" in str(caught.value)


def test_an_unknown_way_or_a_missing_secret_is_a_sentence(build: Build) -> None:
    for extra in ({"auth": "magic"}, {"auth": "basic"}, {"auth": "oauth2"}):
        with pytest.raises(ConnectorRefused):
            build("http://127.0.0.1:1", extra=extra)


class Tokens:
    """A token endpoint and a resource that takes the newest token only, each for so many requests."""

    def __init__(self, lives: int = 1000, seconds: int = 3600) -> None:
        self.given = 0
        self.left = 0
        self.lives = lives
        self.seconds = seconds

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            self.given += 1
            self.left = self.lives
            body = (
                f'{{"access_token": "t{self.given}", "token_type": "Bearer", "expires_in": {self.seconds}}}'
            )
            return Answer(body=body.encode())
        if asked.headers.get("Authorization") != f"Bearer t{self.given}" or self.left == 0:
            return Answer(401)
        self.left -= 1
        return Answer(body=asked.body or b"ok")


def oauth(build: Build, server: Server, **extra: Any) -> HttpClient:
    return build(
        server.url,
        user="client",
        secret="hush",
        extra={"auth": "oauth2", "token_url": f"{server.url}/token", **extra},
    )


def test_a_token_is_fetched_once_and_used(build: Build) -> None:
    tokens = Tokens()
    with serving(tokens) as server:
        client = oauth(build, server, scope="orders:read")
        for _ in range(3):
            client.request("GET", "orders", effect=False)
    assert tokens.given == 1
    assert server.asked[0].body == b"grant_type=client_credentials&scope=orders%3Aread"
    assert server.asked[0].headers["Authorization"].startswith("Basic ")


def test_a_token_that_the_server_ends_early_is_renewed_and_the_write_arrives_once(build: Build) -> None:
    tokens = Tokens(lives=2)
    with serving(tokens) as server:
        client = oauth(build, server, client_auth="post")
        answers = [client.request("POST", "orders", content=b"%d" % n, effect=True).content for n in range(5)]
    assert answers == [b"0", b"1", b"2", b"3", b"4"]
    assert tokens.given == 3
    assert b"client_secret=hush" in server.asked[0].body


def test_a_token_about_to_end_is_renewed_before(build: Build) -> None:
    tokens = Tokens(seconds=20)
    with serving(tokens) as server:
        client = oauth(build, server)
        client.request("GET", "orders", effect=False)
        client.request("GET", "orders", effect=False)
    assert tokens.given == 2
    assert all(asked.path == "/token" or asked.headers["Authorization"] for asked in server.asked)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401, body=b'{"error": "invalid_client"}'), ConnectorRefused),
        (Answer(503), ConnectorUnavailable),
        (Answer(cut=True), ConnectorUnavailable),
        (Answer(200, body=b"<html>"), ConnectorProtocolError),
        (Answer(302, {"Location": "http://169.254.169.254/"}), ConnectorProtocolError),
    ],
)
def test_a_token_endpoint_that_fails_means_that_nothing_was_written(
    build: Build, answer: Answer, error: type[ConnectorError]
) -> None:
    with serving(Script(answer)) as server, pytest.raises(error) as caught:
        oauth(build, server).request("POST", "orders", effect=True)
    assert {asked.path for asked in server.asked} == {"/token"}
    assert "hush" not in str(caught.value)


def test_a_token_endpoint_elsewhere_is_reached_because_the_connection_names_it(build: Build) -> None:
    tokens = Tokens()
    with serving(tokens) as issuer, serving(tokens) as server:
        client = build(
            server.url, user="c", secret="s", extra={"auth": "oauth2", "token_url": f"{issuer.url}/token"}
        )
        assert client.request("GET", "orders", effect=False).content == b"ok"


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def test_a_good_certificate_is_accepted_and_the_name_is_checked_though_the_address_is_pinned(
    build: Build, authority: Authority
) -> None:
    with serving(Script(Answer(body=b"ok")), authority.server_context("localhost")) as server:
        url = f"https://localhost:{server.port}"
        extra = {"ca_file": str(authority.file)}
        assert build(url, extra=extra).request("GET", "", effect=False).content == b"ok"
        with pytest.raises(ConnectorRefused, match="IP address mismatch"):
            build(server.url, extra=extra).request("GET", "", effect=False)


@pytest.mark.parametrize(("days", "trust", "why"), [(-1, True, "expired"), (1, False, "local issuer")])
def test_an_ended_or_unknown_certificate_is_refused(
    build: Build, authority: Authority, days: int, trust: bool, why: str
) -> None:
    with serving(Script(Answer()), authority.server_context("127.0.0.1", days=days)) as server:
        extra = {"ca_file": str(authority.file)} if trust else {}
        with pytest.raises(ConnectorRefused, match=why):
            build(server.url, extra=extra).request("POST", "orders", effect=True)
    assert server.asked == []


def test_a_client_certificate_is_shown_to_a_server_that_asks(build: Build, authority: Authority) -> None:
    certificate, key = authority.issue("client.example")
    extra = {"ca_file": str(authority.file)}
    with serving(
        Script(Answer(body=b"ok")), authority.server_context("127.0.0.1", ask_client=True)
    ) as server:
        own = {**extra, "client_certificate": str(certificate), "client_key": str(key)}
        assert build(server.url, extra=own).request("GET", "", effect=False).content == b"ok"
        with pytest.raises(ConnectorError):
            build(server.url, extra=extra).request("GET", "", effect=False)
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", ["ca_file", "client_certificate"])
def test_a_certificate_file_that_is_none_is_a_sentence(build: Build, tmp_path: Path, name: str) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    for path in (tmp_path / "x.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConnectorRefused, match=name):
            build("https://127.0.0.1:1", extra={name: str(path)})


# breaker and limits


def test_what_fails_again_and_again_is_left_alone_and_tried_again_later(build: Build) -> None:
    with serving(Script(*[Answer(500)] * 3, Answer(body=b"back"))) as server:
        breaker = BreakerSettings(failures=3, rest_seconds=300)
        first, second = (build(server.url, attempts=1, breaker=breaker) for _ in range(2))
        for client in (first, second, first):
            with pytest.raises(ConnectorUnavailable):
                client.request("GET", "orders", effect=False)
        for client in (first, second):
            with pytest.raises(ConnectorUnavailable, match="left alone"):
                client.request("POST", "orders", effect=True)
        assert len(server.asked) == 3
        rested = build(server.url, breaker=BreakerSettings(failures=3, rest_seconds=0))
        for client in (rested, first, second):
            assert client.request("GET", "orders", effect=False).content == b"back"


def test_refusals_do_not_open_the_circuit(build: Build) -> None:
    with serving(Script(Answer(404))) as server:
        client = build(server.url, breaker=BreakerSettings(failures=1))
        for _ in range(3):
            with pytest.raises(HttpRefused):
                client.request("GET", "orders", effect=False)
    assert len(server.asked) == 3


def test_a_rate_limit_is_kept(build: Build, slept: list[float]) -> None:
    with serving(Script(Answer())) as server:
        client = build(server.url, rate_limit="2/day")
        client.request("GET", "orders", effect=False)
        client.request("GET", "orders", effect=False)
        with pytest.raises(ConnectorUnavailable, match="rate limit"):
            client.request("GET", "orders", effect=False)
    assert (len(server.asked), slept) == (2, [])
