"""The e-mail connector. See README.md in this folder."""

from __future__ import annotations

import email.parser
import hashlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import imapclient

from connectors.email.mailbox import DONE, Mailbox, typed
from connectors.email.message import Unusable, attachments, check_sender, parsed, shown, text_of
from connectors.email.sending import KEY_FIELD, NAME_FIELD, Sender, compose, message_id
from connectors.email.settings import EmailSettings
from orderhub.connector import (
    Bookmark,
    Capability,
    Connector,
    Health,
    Interchange,
    LoadItem,
    Outcome,
    OutcomeState,
    Settlement,
)
from orderhub.errors import ConfigError, ConnectorError, ConnectorUnavailable, HubError
from orderhub.transport.files.answers import check_name
from orderhub.transport.outgoing import outgoing

log = logging.getLogger(__name__)


class EmailConnector(Connector[EmailSettings]):
    """A message is its attachments, each an interchange; it is moved away when the last of them is settled."""

    name = "email"
    capabilities = Capability.PULL | Capability.LOAD | Capability.REPLY
    settings_type = EmailSettings
    _mailbox: Mailbox | None = None
    _sender: Sender | None = None

    def check(self) -> Health:
        """Whether mailbox and mail server let the hub in; changes nothing."""
        said: list[str] = []
        try:
            if self.settings.connection is not None:
                with typed(self._place):
                    box = self._box()
                    box.open(self.settings.folder, readonly=True)
                    said.append(f"{len(box.new())} new messages in {self.settings.folder}")
            if self.settings.smtp is not None:
                self._send_by()
                said.append(f"{self.settings.smtp} takes messages")
        except HubError as error:
            return Health(ok=False, sentence=error.what)
        finally:
            self.close()
        return Health(ok=True, sentence=f"Signed in: {', '.join(said)}.")

    # Pull

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """The attachments of what is new in the folder, oldest message first."""
        settings = self.settings
        if not settings.senders:
            raise ConfigError(
                "The settings allow no sender.",
                todo="Name in `senders` whose messages are taken; `*` is anybody.",
            )
        with typed(self._place):
            box = self._box()
            validity = box.open(settings.folder)
            for uid in box.new()[: settings.max_messages]:
                yield from self._message(box, validity, uid)

    def waiting(self, stream: str, since: Bookmark) -> bool:
        """Whether there are messages that the hub does not have."""
        try:
            with typed(self._place):
                box = self._box()
                box.open(self.settings.folder, readonly=True)
                return bool(box.new())
        finally:
            self.close()

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """Move the message away, mark or delete it, once its last attachment is settled. A message that is gone, or a folder
        whose numbers were given anew, is left as it is."""
        settings, handle = self.settings, interchange.handle
        if not handle["last"]:
            return
        refused = settlement is Settlement.REFUSED and handle["alone"]
        uid = int(handle["uid"])
        with typed(self._place):
            box = self._box()
            if box.open(settings.folder) != handle["validity"]:
                log.info("%s: the folder's numbers were given anew; nothing is moved", interchange.name)
            elif refused or settings.after == "archive":
                target = settings.refused if refused else settings.archive
                box.make(target)
                box.move(uid, target)
            elif settings.after == "flag":
                box.client.add_flags([uid], [DONE, imapclient.SEEN], silent=True)
            else:
                box.remove(uid)

    def _message(self, box: Mailbox, validity: int, uid: int) -> Iterator[Interchange]:
        settings = self.settings
        size = box.client.fetch([uid], ["RFC822.SIZE"]).get(uid, {}).get(b"RFC822.SIZE")
        if size is None:
            return  # taken away meanwhile
        where = f"{settings.folder}/{validity}/{uid}"
        handle: dict[str, Any] = {"uid": uid, "validity": validity, "last": True, "alone": True}
        if size > settings.max_bytes:
            problem = f"The message has {size} bytes; at most {settings.max_bytes} are taken. It is in {settings.refused}."
            yield Interchange(
                name=f"message {uid}", arrival=f"{where}/0", data=None, problem=problem, handle=handle
            )
            return
        raw: bytes = box.client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]", b"")
        if not raw:
            return
        attributes: dict[str, str] = {}
        try:
            message = parsed(raw)
            attributes = {
                field.lower(): text
                for field in ("From", "Subject", "Message-ID", "Date")
                if (text := text_of(message, field))
            }
            check_sender(message, settings)
            parts = attachments(message, settings)
        except Unusable as why:
            yield Interchange(
                name=attributes.get("subject") or f"message {uid}",
                arrival=f"{where}/0",
                data=raw if why.keep else None,
                media_type="message/rfc822",
                problem=f"{why} The message is in {settings.refused}.",
                attributes=attributes,
                handle=handle,
            )
            return
        alone = all(part.problem for part in parts)
        for number, part in enumerate(parts, 1):
            yield Interchange(
                name=shown(part.name),
                arrival=f"{where}/{number}",
                data=part.data or None,
                media_type=part.media_type,
                problem=part.problem,
                attributes=attributes,
                handle={**handle, "last": number == len(parts), "alone": alone},
            )

    # Send

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Send each document as an attachment, once per key as far as the folder of sent messages tells.

        :raises ConnectorUnavailable: the mail server cannot be reached; nothing was sent.
        """
        outcomes: list[Outcome] = []
        for item in items:
            try:
                outcomes.append(self._bring(item))
            except ConnectorError as error:
                if not any(outcome.state is not OutcomeState.REJECTED for outcome in outcomes):
                    raise
                # some were sent, so this may not be an error of the whole call
                outcomes.append(
                    Outcome(key=item.key, state=OutcomeState.UNCLEAR, reason=f"Not sent: {error.what}")
                )
        return outcomes

    def _bring(self, item: LoadItem) -> Outcome:
        try:
            out = outgoing(self.ports, self.settings.mapping, item)
        except ConnectorError:
            raise
        except HubError as error:
            reason = f"{error.what} {error.todo}"
            return Outcome(key=item.key, state=OutcomeState.REJECTED, code=error.code, reason=reason)
        return self._send(item.key, out.name, out.data, out.media_type, name_is_one=False)

    def reply(self, name: str, data: bytes, key: str) -> Outcome:
        """Send an answer as an attachment of this name."""
        check_name(name)
        return self._send(key, name, data, "application/octet-stream", name_is_one=True)

    def _send(self, key: str, name: str, data: bytes, media_type: str, *, name_is_one: bool) -> Outcome:
        settings = self.settings
        before = self._sent_before(key, name, name_is_one=name_is_one)
        if before is not None:
            return before
        raw = compose(settings, key, name, data, media_type)
        try:
            outcome = self._send_by().send(key, raw)
        except ConnectorUnavailable:
            self._close_sender()
            raise
        if outcome.state is OutcomeState.UNCLEAR:
            self._close_sender()
        if outcome.state is OutcomeState.WRITTEN:
            self._remember(raw)
        return outcome

    def _sent_before(self, key: str, name: str, *, name_is_one: bool) -> Outcome | None:
        settings = self.settings
        if settings.connection is None or settings.sent is None:
            return None
        fields = (NAME_FIELD, KEY_FIELD)
        own = hashlib.sha256(key.encode()).hexdigest()
        with typed(self._place):
            box = self._box()
            if box.headers_with(settings.sent, KEY_FIELD, own, fields):
                return Outcome(key=key, state=OutcomeState.UNCHANGED, reference=message_id(settings, key))
            if not name_is_one:
                return None
            found = [
                str(email.parser.BytesParser().parsebytes(lines, headersonly=True).get(NAME_FIELD, ""))
                for lines in box.headers_with(settings.sent, NAME_FIELD, name, fields)
            ]
        if name not in found:
            return None
        return Outcome(
            key=key,
            state=OutcomeState.REJECTED,
            code="REPLY_NAME_TAKEN",
            reason=f"Another answer of the name {name} was sent before.",
        )

    def _remember(self, raw: bytes) -> None:
        """A copy in the folder of sent messages. Without it the same key would be sent again under the same message id."""
        settings = self.settings
        if settings.connection is None or settings.sent is None:
            return
        try:
            with typed(self._place):
                box = self._box()
                box.make(settings.sent)
                box.client.append(settings.sent, raw, flags=(imapclient.SEEN,))
        except ConnectorError as error:
            self._close_mailbox()
            log.warning("sent, but not noted in %s: %s", settings.sent, error)

    def close(self) -> None:
        self._close_mailbox()
        self._close_sender()

    def _close_mailbox(self) -> None:
        box, self._mailbox = self._mailbox, None
        if box is not None:
            box.close()

    def _close_sender(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close()

    def _box(self) -> Mailbox:
        settings = self.settings
        if settings.connection is None:
            raise ConfigError("The settings name no mailbox.", todo="Add `connection`.")
        if self._mailbox is not None:
            try:
                self._mailbox.client.noop()
            except (imapclient.exceptions.IMAPClientError, OSError):
                # the server ends sessions that were idle for long
                self._close_mailbox()
        if self._mailbox is None:
            self._mailbox = Mailbox(self.ports.credentials(settings.connection), settings.timeout_seconds)
        return self._mailbox

    def _send_by(self) -> Sender:
        settings = self.settings
        if settings.smtp is None:
            raise ConfigError(
                "The settings name no mail server to send by.", todo="Add `smtp`, `sender`, `to`."
            )
        if self._sender is None:
            self._sender = Sender(self.ports.credentials(settings.smtp), settings)
        return self._sender

    @property
    def _place(self) -> str:
        return f"mailbox {self.settings.connection}"
