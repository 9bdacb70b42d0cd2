"""WS-Security: time stamp, UsernameToken (Profile 1.1) and X.509 signature of requests, in this order; the signature of
answers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, ClassVar

import xmlsec
from lxml import etree
from zeep import ns
from zeep.wsse.signature import BinarySignature, MemorySignature
from zeep.wsse.username import UsernameToken
from zeep.wsse.utils import WSU, get_security_header

from connectors.soap.settings import SoapSettings
from orderhub.connector import Credentials
from orderhub.errors import ConnectorProtocolError, ConnectorRefused

_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
#: Its stubs lack the constants that it makes when it is loaded.
_xmlsec: Any = xmlsec
#: How long a signed message counts where the settings do not say.
_SIGNED_SECONDS = 300


class Security:
    """What is put into the header of every request.

    :raises ConnectorRefused: the connection lacks what the settings ask for, or its key cannot be used.
    """

    def __init__(self, settings: SoapSettings, credentials: Credentials) -> None:
        self._seconds = settings.timestamp_seconds or (_SIGNED_SECONDS if settings.sign else 0)
        self._token: tuple[str, str, bool] | None = None
        if settings.ws_security != "none":
            if not credentials.user or credentials.secret is None:
                raise ConnectorRefused(
                    "The connection has no user or no password for its UsernameToken.",
                    todo="Add both to the connection.",
                )
            self._token = (credentials.user, credentials.secret, settings.ws_security == "digest")
        self._signature = _signature(credentials) if settings.sign else None

    def apply(self, envelope: etree._Element, headers: dict[str, str]) -> None:
        """Add the header to an envelope, in place. Nonce, times and signature are new each time.

        :raises ConnectorRefused: the key cannot sign.
        """
        if self._seconds:
            now = dt.datetime.now(dt.UTC)
            until = now + dt.timedelta(seconds=self._seconds)
            stamp = WSU.Timestamp(WSU.Created(_written(now)), WSU.Expires(_written(until)))
            get_security_header(envelope).append(stamp)
        if self._token is not None:
            user, password, digest = self._token
            UsernameToken(user, password, use_digest=digest, zulu_timestamp=True).apply(envelope, headers)
        if self._signature is not None:
            try:
                self._signature.apply(envelope, headers)
            except xmlsec.Error as error:
                raise _unusable(f"the key cannot sign ({error})") from error


class Verification:
    """Holds answers to the service's certificate: the body must be what was signed.

    :raises ConnectorRefused: the connection has no `service_certificate` that can be read.
    """

    def __init__(self, credentials: Credentials) -> None:
        try:
            self._key = _xmlsec.Key.from_memory(
                _pem(credentials, "service_certificate"), _xmlsec.KeyFormat.CERT_PEM
            )
        except (xmlsec.Error, ValueError, TypeError) as error:
            raise ConnectorRefused(
                "The connection's service_certificate is no PEM certificate.",
                todo="Give the certificate with which the service signs, as a PEM file or text.",
            ) from error

    def verify(self, envelope: etree._Element, body: etree._Element) -> None:
        """:raises SoapUnsigned: no signature, another key, a changed body, or it is not the body that was signed."""
        signatures = envelope.findall(f"{{*}}Header/{{{ns.WSSE}}}Security/{{{ns.DS}}}Signature")
        if len(signatures) != 1:
            raise _unsigned(f"It has {len(signatures)} signatures.")
        context = _xmlsec.SignatureContext()
        context.key = self._key
        marked: dict[str, etree._Element] = {}
        for element in envelope.iter(tag=etree.Element):
            mark = element.get(f"{{{ns.WSU}}}Id")
            if mark in marked:
                raise _unsigned(f"Two of its elements are called {mark!r}.")
            if mark is not None:
                marked[mark] = element
                context.register_id(element, "Id", ns.WSU)
        references = signatures[0].findall(f"{{{ns.DS}}}SignedInfo/{{{ns.DS}}}Reference")
        if not any(marked.get((one.get("URI") or "").removeprefix("#")) is body for one in references):
            raise _unsigned("Its signature is not one of the body.")
        if {one.get("Algorithm") for one in signatures[0].iter(f"{{{ns.DS}}}Transform")} - {_EXCLUSIVE}:
            raise _unsigned("Its signature is one of something made from the body.")
        try:
            context.verify(signatures[0])
        except xmlsec.Error as error:
            raise _unsigned("Its signature is not the service's, or it was changed on the way.") from error


class SoapUnsigned(ConnectorProtocolError):
    """An answer that the service did not sign as it is."""

    code: ClassVar[str] = "SOAP_ANSWER_UNSIGNED"


class _Signature(BinarySignature):  # type: ignore[misc]  # zeep has no types
    """Key and certificate from memory, the certificate as a token of its own in the header."""

    def __init__(self, key: bytes, certificate: bytes, password: str | None) -> None:
        MemorySignature.__init__(
            self, key, certificate, password, _xmlsec.Transform.RSA_SHA256, _xmlsec.Transform.SHA256
        )


def _signature(credentials: Credentials) -> Any:
    key = _pem(credentials, "signing_key")
    certificate = _pem(credentials, "signing_certificate")
    password = credentials.extra.get("signing_key_password")
    try:
        # a key that OpenSSL would ask a terminal for a password of must not get so far
        made = xmlsec.Key.from_memory(key, _xmlsec.KeyFormat.PEM, str(password or ""))
        made.load_cert_from_memory(certificate, _xmlsec.KeyFormat.PEM)
    except (xmlsec.Error, ValueError, TypeError) as error:
        raise _unusable("key or certificate are no PEM that can be read, or the password is wrong") from error
    return _Signature(key, certificate, str(password or ""))


def _pem(credentials: Credentials, name: str) -> bytes:
    """A file's path, or the PEM text itself."""
    value = str(credentials.extra.get(name) or "")
    if value.lstrip().startswith("-----BEGIN"):
        return value.encode()
    try:
        return Path(value).read_bytes() if value else b""
    except OSError as error:
        raise _unusable(f"its {name} cannot be read ({error.strerror})") from error


def _unusable(why: str) -> ConnectorRefused:
    return ConnectorRefused(
        f"The connection cannot sign: {why}.",
        todo="Give signing_key and signing_certificate as PEM files or texts in the connection's extra.",
    )


def _unsigned(why: str) -> SoapUnsigned:
    return SoapUnsigned(
        f"An answer is not signed as it should be. {why}",
        todo="Check service_certificate of the connection, and ask the service's owner.",
    )


def _written(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
