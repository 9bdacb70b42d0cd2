"""What pyftpdlib uses of pyOpenSSL, given by the standard library's ``ssl``: the protocol is pyftpdlib's own, TLS is OpenSSL's in
either case."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import types
from typing import Any, NoReturn


class Error(Exception):
    pass


class WantReadError(Error):
    pass


class WantWriteError(Error):
    pass


class ZeroReturnError(Error):
    pass


class SysCallError(Error):
    pass


class Context:
    def __init__(self, method: int) -> None:
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def use_certificate_chain_file(self, path: str) -> None:
        self.tls.load_cert_chain(path)

    def use_privatekey_file(self, path: str) -> None:
        """It stands in the certificate's file."""

    def set_options(self, options: int) -> None:
        """The defaults are newer."""


class Connection:
    def __init__(self, context: Context, bare: socket.socket) -> None:
        self._tls = context.tls.wrap_socket(bare, server_side=True, do_handshake_on_connect=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tls, name)

    @property
    def session_reused(self) -> bool:
        return bool(self._tls.session_reused)

    def set_accept_state(self) -> None:
        """It is a server's from the beginning."""

    def do_handshake(self) -> None:
        try:
            self._tls.do_handshake()
        except OSError as error:
            _raise(error)

    def send(self, data: bytes) -> int:
        try:
            return self._tls.send(data)
        except OSError as error:
            _raise(error)

    def recv(self, size: int) -> bytes:
        try:
            data = self._tls.recv(size)
        except OSError as error:
            _raise(error)
        if not data:
            raise ZeroReturnError
        return data

    def get_shutdown(self) -> int:
        return 0

    def set_shutdown(self, state: int) -> None:
        """Nothing to remember."""

    def shutdown(self, *how: int) -> bool:
        """Say that nothing more comes, and do not wait for the other side to say it too."""
        with contextlib.suppress(OSError, ValueError):
            self._tls.unwrap()
        return True


def _raise(error: OSError) -> NoReturn:
    if isinstance(error, ssl.SSLWantReadError):
        raise WantReadError from error
    if isinstance(error, ssl.SSLWantWriteError):
        raise WantWriteError from error
    if isinstance(error, ssl.SSLZeroReturnError):
        raise ZeroReturnError from error
    if isinstance(error, ssl.SSLEOFError):
        raise SysCallError(-1, "Unexpected EOF") from error
    if isinstance(error, ssl.SSLError):
        raise Error(str(error)) from error
    raise SysCallError(error.errno or 104, str(error)) from error


def install() -> None:
    """Stand in for pyOpenSSL in this process."""
    names = ("Error", "WantReadError", "WantWriteError", "ZeroReturnError", "SysCallError")
    module = types.ModuleType("OpenSSL.SSL")
    for one in (*(globals()[name] for name in names), Context, Connection):
        setattr(module, one.__name__, one)
    for name, value in (
        ("TLS_SERVER_METHOD", 0),
        ("OP_NO_SSLv2", 0),
        ("OP_NO_SSLv3", 0),
        ("RECEIVED_SHUTDOWN", 2),
        ("SENT_SHUTDOWN", 1),
    ):
        setattr(module, name, value)
    package = types.ModuleType("OpenSSL")
    package.SSL = module  # type: ignore[attr-defined]  # a module made here
    sys.modules["OpenSSL"] = package
    sys.modules["OpenSSL.SSL"] = module
