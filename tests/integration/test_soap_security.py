"""SOAP: who may ask, what may be fetched, and what a stranger's documents cannot do."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from servers import soap

from connectors.soap.documents import KEPT, Documents, Kept
from orderhub.connector import Connector, Health
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorError, ConnectorProtocolError, ConnectorRefused
from orderhub.services.folder import DataFolder
from orderhub.testing import load_item, sample_order

pytestmark = pytest.mark.integration
CHECK = {"operation": "Ping"}


@pytest.fixture(scope="module")
def cache(project_data: DataFolder) -> Path:
    return project_data.path / "cache"


@pytest.fixture(scope="module")
def server(cache: Path) -> Iterator[soap.Exchange]:
    with soap.running(cache) as running:
        yield running


@pytest.fixture
def exchange(server: soap.Exchange) -> soap.Exchange:
    server.reset()
    KEPT.clear()
    return server


def connector(url: str, *, more: dict[str, Any] | None = None, **connection: Any) -> Connector[Any]:
    settings = {
        "connection": "exchange",
        "pull": soap.PULL,
        "load": soap.LOAD | {"mapping": None, "parameters": soap.PARAMETERS},
        "find": soap.FIND,
        "check": CHECK,
        "http": soap.HTTP,
    }
    return registry().create("soap", settings | (more or {}), soap.ports_of(url, **connection))


def checked(url: str, **given: Any) -> Health:
    made = connector(url, **given)
    try:
        return made.check()
    finally:
        made.close()


# Who may ask


@pytest.mark.parametrize("way", ["plain", "digest"])
def test_a_username_token_lets_in_and_a_wrong_password_is_told(exchange: soap.Exchange, way: str) -> None:
    token = {"ws_security": way}
    url = exchange.wsdl(way)
    good = connector(url, more=token, user=soap.USER, secret=soap.PASSWORD)
    assert good.check().ok, good.check().sentence
    assert good.check().ok, "the second call has a nonce of its own"
    good.close()
    wrong = checked(url, more=token, user=soap.USER, secret="guess")
    assert not wrong.ok
    assert "password" in wrong.sentence
    assert "guess" not in wrong.sentence
    without = checked(url, more=token)
    assert not without.ok
    assert "no user" in without.sentence


def test_the_password_of_a_token_does_not_go_over_http_as_well(exchange: soap.Exchange) -> None:
    made = connector(
        exchange.wsdl("digest"), more={"ws_security": "digest"}, user=soap.USER, secret=soap.PASSWORD
    )
    assert made.check().ok
    made.close()
    assert not any("authorization" in one["headers"] for one in exchange.told()["seen"])


def test_a_wrong_password_stops_the_load_and_nothing_is_taken(exchange: soap.Exchange) -> None:
    made = connector(exchange.wsdl("plain"), more={"ws_security": "plain"}, user=soap.USER, secret="guess")
    with pytest.raises(ConnectorRefused, match="SOAP_DENIED"):
        made.load([load_item(sample_order("S-1"))])
    made.close()
    assert exchange.told()["submitted"] == []


def made_certificate(
    name: str,
    *,
    days: int = 30,
    since: int = 1,
    issuer: tuple[x509.Certificate, rsa.RSAPrivateKey] | None = None,
) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=since))
        .not_valid_after(now - dt.timedelta(days=since) + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    signer = issuer[1] if issuer else key
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    if issuer is None:
        builder = builder.add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True
        )
    return builder.sign(signer, hashes.SHA256()), key


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: rsa.RSAPrivateKey, password: bytes | None = None) -> str:
    cipher = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher).decode()


@pytest.mark.parametrize("password", [None, b"of the key"])
def test_a_signature_lets_in_and_a_strangers_does_not(
    exchange: soap.Exchange, password: bytes | None
) -> None:
    """Another implementation (xml-crypto) verifies it, and that body and time stamp are what was signed."""
    certificate, key = made_certificate("hub")
    exchange.does(certificate=pem(certificate))
    url = exchange.wsdl("signed")
    own: dict[str, Any] = {
        "signing_key": key_pem(key, password),
        "signing_certificate": pem(certificate),
        "signing_key_password": password.decode() if password else None,
    }
    signed = {"sign": True}
    good = checked(url, more=signed, **own)
    assert good.ok, good.sentence
    assert not checked(url).ok, "an unsigned message"
    other, other_key = made_certificate("stranger")
    stranger = checked(url, more=signed, signing_key=key_pem(other_key), signing_certificate=pem(other))
    assert not stranger.ok
    broken = checked(url, more=signed, **own | {"signing_key": "-----BEGIN PRIVATE KEY-----\nno\n"})
    assert not broken.ok
    assert "cannot sign" in broken.sentence


def test_a_token_and_a_signature_together(exchange: soap.Exchange) -> None:
    certificate, key = made_certificate("hub")
    exchange.does(certificate=pem(certificate))
    made = connector(
        exchange.wsdl("signed"),
        more={"sign": True, "ws_security": "digest"},
        user=soap.USER,
        secret=soap.PASSWORD,
        signing_key=key_pem(key),
        signing_certificate=pem(certificate),
    )
    assert made.load([load_item(sample_order("S-2"))])[0].state == "written"
    made.close()
    assert len(exchange.told()["submitted"]) == 1


@pytest.mark.parametrize("case", ["good", "unsigned", "stranger", "tamper", "wrap"])
def test_answers_are_taken_only_as_the_service_signed_them(exchange: soap.Exchange, case: str) -> None:
    certificate, key = made_certificate("service")
    made = connector(exchange.wsdl(), more={"verify": True}, service_certificate=pem(certificate))
    signer = made_certificate("stranger")[1] if case == "stranger" else key
    if case != "unsigned":
        exchange.does(sign={"key": key_pem(signer), case: "X-1"})
    item = load_item(sample_order("S-5"))
    [outcome] = made.load([item])
    if case == "good":
        assert (outcome.state, outcome.reference) == ("written", "X-1")
    else:
        assert (outcome.state, outcome.code) == ("unclear", "SOAP_ANSWER_UNSIGNED")
        with pytest.raises(ConnectorProtocolError, match="not signed"):
            made.find([item.key])
    assert made.check().ok is (case in ("good", "tamper")), "this one has no such text to change"
    made.close()
    assert exchange.effects([item.key]) == {item.key: 1}


# What may be fetched


class Internal:
    """A program within the house that nobody from outside may reach: counts who came."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<secrets/>")

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def internal() -> Iterator[Internal]:
    made = Internal()
    yield made
    made.close()


PLACES = [
    "http://127.0.0.1:{port}/latest/meta-data",
    "http://localhost:{port}/x.xsd",
    "http://[::1]:{port}/x.xsd",
    "http://2130706433:{port}/x.xsd",
    "http://127.1:{port}/x.xsd",
    "http://[::ffff:127.0.0.1]:{port}/x.xsd",
    "http://169.254.169.254/latest/meta-data",
    "http://user:word@127.0.0.1:{port}/x.xsd",
    "file:///etc/passwd",
    "/etc/passwd",
    "ftp://127.0.0.1/x.xsd",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["schema", "wsdl", "include"])
def test_an_import_leads_nowhere_but_where_the_connection_leads(
    exchange: soap.Exchange, internal: Internal, place: str, kind: str
) -> None:
    url = place.format(port=internal.port)
    first = '<xs:import namespace="urn:orderhub:test:orders" schemaLocation="types.xsd"/>'
    imports = {
        "schema": lambda text: text.replace("types.xsd", url),
        "wsdl": lambda text: text.replace("<types>", f'<import namespace="urn:x" location="{url}"/><types>'),
        "include": lambda text: text.replace(first, f'<xs:include schemaLocation="{url}"/>{first}'),
    }
    with soap.served(exchange, imports[kind]) as wsdl:
        found = checked(wsdl)
    assert not found.ok
    assert "root:" not in found.sentence
    assert internal.asked == []


def test_a_redirect_is_checked_like_a_new_address(exchange: soap.Exchange, internal: Internal) -> None:
    for target in (f"http://127.0.0.1:{internal.port}/x", "http://169.254.169.254/", "file:///etc/passwd"):
        exchange.does(redirect=target)
        found = checked(f"{exchange.base}/moved")
        assert not found.ok
    assert internal.asked == []
    exchange.does(redirect=exchange.wsdl())
    assert checked(f"{exchange.base}/moved").ok is False, "requests are redirected here too, and not followed"


def test_the_wsdl_cannot_send_the_requests_elsewhere(exchange: soap.Exchange, internal: Internal) -> None:
    """Else whoever can change the WSDL gets the passwords."""
    elsewhere = f"http://127.0.0.1:{internal.port}/collect"
    with soap.served(exchange, lambda text: text.replace(f"{exchange.base}/open", elsewhere)) as wsdl:
        found = checked(wsdl, more={"ws_security": "plain"}, user=soap.USER, secret=soap.PASSWORD)
        assert not found.ok
        assert "endpoint" in found.sentence
        assert internal.asked == []
        right = checked(wsdl, endpoint=f"{exchange.base}/open")
    assert right.ok, right.sentence


def test_a_request_does_not_follow_a_redirect(exchange: soap.Exchange, internal: Internal) -> None:
    made = connector(exchange.wsdl())
    assert made.check().ok
    exchange.does(redirect=f"http://127.0.0.1:{internal.port}/collect")
    with pytest.raises(ConnectorRefused, match="never sent on"):
        made.load([load_item(sample_order("S-3"))])
    made.close()
    assert internal.asked == []


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:{port}/x.dtd">',
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>',
    ],
)
def test_a_document_type_is_refused_in_wsdl_and_answer(
    exchange: soap.Exchange, internal: Internal, head: str
) -> None:
    head = head.format(port=internal.port) if "{port}" in head else head
    with soap.served(exchange, lambda text: text.replace("?>", f"?>{head}", 1)) as wsdl:
        found = checked(wsdl)
    assert not found.ok
    assert "document type" in found.sentence
    answer = (
        f'<?xml version="1.0"?>{head}<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        '<x:PingAnswer xmlns:x="urn:orderhub:test:exchange"><x:ready>true</x:ready></x:PingAnswer></s:Body></s:Envelope>'
    )
    exchange.does(raw={"text": answer})
    found = checked(exchange.wsdl())
    assert not found.ok
    assert "document type" in found.sentence
    assert internal.asked == []


def test_an_answer_cannot_name_a_schema_of_its_own(exchange: soap.Exchange, internal: Internal) -> None:
    """Nor include another document, or a style sheet."""
    place = f"http://127.0.0.1:{internal.port}/x.xsd"
    exchange.does(
        raw={
            "text": f'<?xml version="1.0"?><?xml-stylesheet href="{place}"?>'
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            '<x:PingAnswer xmlns:x="urn:orderhub:test:exchange" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:schemaLocation="urn:other {place} urn:orderhub:test:exchange {place}">'
            f'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{place}"/>'
            "<x:ready>true</x:ready></x:PingAnswer></s:Body></s:Envelope>"
        }
    )
    made = connector(exchange.wsdl(), more={"pull": {"operation": "Ping"}})
    with pytest.raises(ConnectorProtocolError, match="include"):
        list(made.pull("pings", None))
    made.close()
    assert internal.asked == []


def test_answers_and_documents_have_a_largest_size(exchange: soap.Exchange) -> None:
    exchange.does(raw={"text": "x" * 200_000})
    small = {"http": soap.HTTP | {"most_bytes": 50_000}}
    found = checked(exchange.wsdl(), more=small)
    assert not found.ok
    assert "50000 bytes" in found.sentence


def test_what_is_no_wsdl_is_told(exchange: soap.Exchange) -> None:
    for text in ("<html><body>Welcome</body></html>", "not XML at all", "<definitions/>"):
        exchange.does(documents={"/page": text})
        found = checked(f"{exchange.base}/page")
        KEPT.clear()
        assert not found.ok
        assert found.sentence
    assert (
        "operation 'Nothing'" in checked(exchange.wsdl(), more={"check": {"operation": "Nothing"}}).sentence
    )
    missing = checked(exchange.wsdl("absent"))
    assert not missing.ok
    away = checked("http://127.0.0.1:1/open?wsdl")
    assert not away.ok
    assert "WSDL cannot be fetched" in away.sentence


def test_the_documents_are_kept(exchange: soap.Exchange) -> None:
    for _ in range(3):
        assert checked(exchange.wsdl()).ok
    fetched = [one["url"] for one in exchange.told()["seen"] if one["method"] == "GET"]
    assert fetched == ["/open?wsdl", "/types.xsd"]


def test_what_is_kept_has_an_end() -> None:
    kept = Kept(most_bytes=10)
    kept.put(("a", ""), b"12345")
    kept.put(("b", ""), b"12345")
    kept.put(("c", ""), b"1")
    assert kept.get(("a", ""), 60) is None
    assert kept.get(("b", ""), 60) == b"12345"
    assert kept.get(("b", "another user"), 60) is None
    assert kept.get(("c", ""), -1) is None


def test_too_many_documents_end_it(exchange: soap.Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.soap.documents.MOST_DOCUMENTS", 1)
    found = checked(exchange.wsdl())
    assert not found.ok
    assert "more than 1 documents" in found.sentence
    assert Documents.__doc__


# The line


@pytest.mark.parametrize("state", ["good", "expired", "unknown"])
def test_an_expired_certificate_is_refused(cache: Path, tmp_path: Path, state: str) -> None:
    authority = made_certificate("Authority of the tests")
    since, days = (40, 30) if state == "expired" else (1, 30)
    issuer = made_certificate("Another authority") if state == "unknown" else authority
    certificate, key = made_certificate("127.0.0.1", since=since, days=days, issuer=issuer)
    for name, text in (("ca", pem(authority[0])), ("cert", pem(certificate)), ("key", key_pem(key))):
        (tmp_path / f"{name}.pem").write_text(text)
    with soap.running(cache, key=tmp_path / "key.pem", certificate=tmp_path / "cert.pem") as secure:
        KEPT.clear()
        found = checked(secure.wsdl(), ca_file=str(tmp_path / "ca.pem"))
        if state == "good":
            assert found.ok, found.sentence
            return
        assert not found.ok
        assert "certificate" in found.sentence
        assert ("expired" in found.sentence) is (state == "expired")
        made = connector(secure.wsdl(), ca_file=str(tmp_path / "ca.pem"))
        with pytest.raises(ConnectorError) as caught:
            made.load([load_item(sample_order("S-4"))])
        made.close()
        assert not isinstance(caught.value, ConnectorProtocolError)
        assert secure.told()["submitted"] == []
