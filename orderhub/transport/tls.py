"""TLS settings of a connection. Certificates and names are always verified; there is no switch that turns it off."""

from __future__ import annotations

import ssl
from pathlib import Path

from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused


def tls_context(credentials: Credentials) -> ssl.SSLContext:
    """The client's context for a connection, TLS 1.2 or newer.

    Read from ``extra``: ``ca_file`` (PEM file of the authorities to trust instead of the system's), ``client_certificate`` and
    ``client_key`` (PEM files, for mutual TLS; the key may stand in the certificate's file), ``client_key_password``.

    :raises ConnectorRefused: a file is missing or holds something else.
    """
    authorities = _path(credentials, "ca_file")
    certificate = _path(credentials, "client_certificate")
    key = _path(credentials, "client_key")
    if key is not None and certificate is None:
        raise ConnectorRefused(
            "The connection has a client_key and no client_certificate.",
            todo="Add the certificate of the key.",
        )
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise _unusable("ca_file", authorities, error) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        # a callable, so that OpenSSL never asks a terminal for the key's password
        password = str(credentials.extra.get("client_key_password") or "")
        try:
            context.load_cert_chain(certificate, key, lambda: password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise _unusable("client_certificate", certificate, error) from error
    return context


def certificate_problem(error: BaseException) -> str | None:
    """What OpenSSL said about the other side's certificate (``certificate has expired``), when that is why a connection failed."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return str(seen.verify_message or seen.reason or "it cannot be verified")
        seen = seen.__cause__ or seen.__context__
    return None


def untrusted(error: BaseException, place: str, *, setting: str = "ca_file") -> ConnectorRefused | None:
    """The refusal of a connection that failed for the other side's certificate; None when it failed for something else.

    :param place: what was asked, for people.
    :param setting: the name in the connection's extra under which authorities are given.
    """
    problem = certificate_problem(error)
    if problem is None:
        return None
    return ConnectorRefused(
        f"{place}: the other side's certificate cannot be trusted: {problem}.",
        todo=f"Renew it, or name its authority in the connection's {setting}.",
    )


def _path(credentials: Credentials, name: str) -> str | None:
    value = credentials.extra.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str) or not Path(value).is_file():
        raise ConnectorRefused(
            f"The connection's {name} {value!r} is no file.",
            todo="Give the path of a PEM file that the hub can read.",
        )
    return value


def _unusable(name: str, path: str | None, error: Exception) -> ConnectorRefused:
    return ConnectorRefused(
        f"The connection's {name} {path!r} cannot be used: {error}.",
        todo="It must be a PEM file; for a certificate its key must fit.",
    )
