"""Sending by SMTP, over TLS only, each step's answer told apart: only the last one leaves a doubt."""

from __future__ import annotations

import contextlib
import email.message
import email.policy
import email.utils
import hashlib
import re
import smtplib
import ssl
import urllib.parse

from connectors.email.mailbox import as_hub_error
from connectors.email.settings import EmailSettings
from orderhub.connector import Credentials, Outcome, OutcomeState
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.transport.tls import tls_context

NAME_FIELD = "X-Orderhub-Name"
KEY_FIELD = "X-Orderhub-Key"
_PORTS = {"smtps": 465, "smtp": 587}


def message_id(settings: EmailSettings, key: str) -> str:
    """The same for the same key, for ever, so that a receiver knows what comes twice."""
    domain = (settings.sender or "@hub.invalid").partition("@")[2]
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


def compose(settings: EmailSettings, key: str, name: str, data: bytes, media_type: str) -> bytes:
    """A message with one attachment, as it goes over the wire."""
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Subject"] = settings.subject.replace("{name}", name)
    message["Date"] = email.utils.formatdate(usegmt=True)
    message["Message-ID"] = message_id(settings, key)
    message["Auto-Submitted"] = "auto-generated"
    message[NAME_FIELD] = name
    message[KEY_FIELD] = hashlib.sha256(key.encode()).hexdigest()
    message.set_content(f"{name}\n")
    main, _, sub = media_type.partition(";")[0].partition("/")
    if (
        not re.fullmatch(r"[a-z]+", main)
        or not re.fullmatch(r"[A-Za-z0-9.+-]+", sub)
        or main in ("multipart", "message")
    ):
        main, sub = "application", "octet-stream"
    # always base64: what is signed or counted must come out byte for byte
    message.add_attachment(data, maintype=main, subtype=sub, filename=name, cte="base64")
    return message.as_bytes()


class Sender:
    """One signed-in SMTP connection."""

    def __init__(self, credentials: Credentials, settings: EmailSettings) -> None:
        self._settings = settings
        self._place = f"{settings.smtp}"
        try:
            parts = urllib.parse.urlsplit(credentials.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urllib.parse.urlsplit(""), None, None
        if parts.scheme not in _PORTS or not host:
            raise ConnectorRefused(
                "The connection's address is none of SMTP.",
                todo="Write smtps://host:465, or smtp://host:587 for STARTTLS.",
            )
        port, timeout = port or _PORTS[parts.scheme], settings.timeout_seconds
        context = tls_context(credentials)
        try:
            if parts.scheme == "smtps":
                self._smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
            else:
                self._smtp = smtplib.SMTP(host, port, timeout=timeout)
        except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
            raise self._unavailable(error) from error
        try:
            if parts.scheme == "smtp":
                # raises when the server has none: nothing goes over the wire in the clear
                self._smtp.starttls(context=context)
            if credentials.user:
                self._smtp.login(credentials.user, credentials.secret or "")
            self._smtp.ehlo_or_helo_if_needed()
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
            self.close()
            raise ConnectorRefused(
                f"{self._place}: the server refuses: {error}.",
                todo="Check user and password, and that the server offers STARTTLS.",
            ) from error
        except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
            self.close()
            raise self._unavailable(error) from error

    def send(self, key: str, raw: bytes) -> Outcome:
        """One message to all receivers or to none.

        :raises ConnectorUnavailable: it was not sent; the server may take it later.
        """
        settings = self._settings
        try:
            steps = [
                self._smtp.mail(
                    settings.sender or "", ["BODY=8BITMIME"] if self._smtp.has_extn("8bitmime") else []
                )
            ]
            steps += [self._smtp.rcpt(receiver) for receiver in settings.to if steps[-1][0] < 400]
            if steps[-1][0] < 400:
                steps.append(self._smtp.docmd("DATA"))
        except (OSError, smtplib.SMTPException) as error:
            raise self._unavailable(error) from error
        code, said = steps[-1]
        if code != 354:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._smtp.rset()
            return self._refused(key, code, said)
        try:
            self._smtp.send(re.sub(rb"(?m)^\.", b"..", raw) + b"\r\n.\r\n")
            code, said = self._smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            reason = f"The message was sent, and the server did not say whether it took it: {error}."
            return Outcome(key=key, state=OutcomeState.UNCLEAR, reason=reason)
        if code != 250:
            return self._refused(key, code, said)
        return Outcome(key=key, state=OutcomeState.WRITTEN, reference=message_id(settings, key))

    def _refused(self, key: str, code: int, said: bytes) -> Outcome:
        text = f"{code} {said.decode(errors='replace')[:300]}"
        if code < 500:
            raise ConnectorUnavailable(
                f"{self._place}: the server does not take it now: {text}.", todo="It is tried again."
            )
        return Outcome(
            key=key,
            state=OutcomeState.REJECTED,
            code="EMAIL_REJECTED",
            reason=f"The mail server refuses it: {text}.",
        )

    def _unavailable(self, error: Exception) -> Exception:
        if isinstance(error, (OSError, ssl.SSLError)) and not isinstance(error, smtplib.SMTPException):
            return as_hub_error(error, self._place)
        return ConnectorUnavailable(
            f"{self._place}: the server does not answer: {error}.",
            todo="Check that it runs and can be reached.",
        )

    def close(self) -> None:
        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()
