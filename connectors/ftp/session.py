"""Signing in to an FTPS or FTP server."""

from __future__ import annotations

import ftplib
import socket
import ssl
import urllib.parse

from connectors.ftp.settings import FtpSettings
from orderhub.connector import Credentials
from orderhub.errors import ConnectorError, ConnectorProtocolError, ConnectorRefused, ConnectorUnavailable
from orderhub.transport.tls import certificate_problem, tls_context

#: Every byte is one letter of it, so that names come and go as the bytes they are.
TRANSPARENT = "latin-1"
_PORTS = {"explicit": 21, "implicit": 990}


class FtpsSession(ftplib.FTP_TLS):
    """FTPS whose data connections go on with the TLS session of the control connection, as many servers demand: it shows that
    both are the same client."""

    def __init__(self, context: ssl.SSLContext, *, implicit: bool) -> None:
        super().__init__(context=context, encoding=TRANSPARENT)
        self._implicit = implicit

    def connect(
        self,
        host: str = "",
        port: int = 0,
        timeout: float = 30,
        source_address: tuple[str, int] | None = None,
    ) -> str:
        if not self._implicit:
            return super().connect(host, port, timeout, source_address)
        self.host, self.port, self.timeout = host, port, timeout
        bare = socket.create_connection((host, port), timeout, source_address)
        try:
            self.sock = self.context.wrap_socket(bare, server_hostname=host)
        except BaseException:
            bare.close()
            raise
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        bare, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321 - what comes is wrapped below
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        try:
            return self.context.wrap_socket(bare, server_hostname=self.host, session=session), size
        except BaseException:
            bare.close()
            raise


def open_session(credentials: Credentials, settings: FtpSettings) -> tuple[ftplib.FTP, str]:
    """Connect and sign in; with FTPS both the control and the data connections are encrypted, and the certificate is verified.

    :return: the session, and the server for people.
    :raises ConnectorUnavailable: not reached.
    :raises ConnectorRefused: the certificate is not valid, the user is not let in, or there is no TLS.
    """
    name = settings.connection
    host, port = _address(credentials, settings)
    if not credentials.user:
        raise ConnectorRefused(f"The connection {name!r} has no user.", todo="Add the user's name to it.")
    where = f"{'ftp' if settings.plain else 'ftps'}://{host}:{port}"
    session: ftplib.FTP
    if settings.plain:
        session = ftplib.FTP(encoding=TRANSPARENT)  # noqa: S321 - only where `plain: true` says so
    else:
        session = FtpsSession(tls_context(credentials), implicit=settings.tls == "implicit")
    try:
        session.connect(host, port, settings.connect_seconds)
        _sign_in(session, credentials, where)
        if session.sock is not None:
            session.sock.settimeout(settings.answer_seconds)
        session.timeout = settings.answer_seconds
    except ConnectorError:
        session.close()
        raise
    except (OSError, EOFError, ftplib.Error) as error:
        session.close()
        raise _problem(error, where) from error
    return session, where


def _sign_in(session: ftplib.FTP, credentials: Credentials, where: str) -> None:
    if isinstance(session, FtpsSession) and not isinstance(session.sock, ssl.SSLSocket):
        try:
            session.auth()
        except ftplib.error_perm as error:
            raise ConnectorRefused(
                f"{where} offers no TLS: {error}.",
                todo="Ask the server's operator for FTPS; only `plain: true` sends everything in clear.",
            ) from error
    try:
        session.login(credentials.user or "", credentials.secret or "")
    except ftplib.error_perm as error:
        raise ConnectorRefused(
            f"{where} does not let the user {credentials.user!r} in: {error}.",
            todo="Correct the user or the password of the connection.",
        ) from error
    if isinstance(session, FtpsSession):
        session.prot_p()
    session.voidcmd("TYPE I")


def _problem(error: Exception, where: str) -> ConnectorError:
    wrong = certificate_problem(error)
    if wrong is not None:
        return ConnectorRefused(
            f"The certificate of {where} is not accepted: {wrong}.",
            todo="Nothing was sent. Ask the server's operator for a valid certificate, or set `ca_file` of the connection to "
            "the authority that signed it.",
        )
    if isinstance(error, ssl.SSLError | ftplib.error_perm | ftplib.error_proto | ftplib.error_reply):
        return ConnectorProtocolError(
            f"{where} does not speak FTP as expected: {error}.",
            todo="Look at host and port of the connection, and whether TLS is explicit or implicit.",
        )
    why = "no answer in time" if isinstance(error, TimeoutError) else getattr(error, "strerror", None)
    return ConnectorUnavailable(
        f"{where} cannot be reached: {why or error or 'the connection was closed'}.",
        todo="Look at host and port of the connection, the network and the server.",
    )


def _address(credentials: Credentials, settings: FtpSettings) -> tuple[str, int]:
    try:
        parts = urllib.parse.urlsplit(credentials.url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urllib.parse.urlsplit("")
    if not host or parts.scheme not in ("ftp", "ftps"):
        raise ConnectorRefused(
            f"The connection {settings.connection!r} names no FTP server.",
            todo="Its address is ftps://host or ftps://host:port.",
        )
    return host, port or (21 if settings.plain else _PORTS[settings.tls])
