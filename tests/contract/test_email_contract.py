"""The e-mail connector keeps the contract, on Dovecot and aiosmtpd."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from servers.mail import Dovecot, Smtp, dovecot, smtp

from orderhub.connector import Credentials
from orderhub.testing import Arrive, ConnectorContract, Effects, PortsForTests, Replies, Settings

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def imap_server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture(scope="module")
def smtp_server() -> Iterator[Smtp]:
    with smtp() as running:
        yield running


def letter(name: str, data: bytes, *, sender: str = "orders@acme.example") -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"ACME <{sender}>"
    message["To"] = "hub@hub.example"
    message["Subject"] = "Order"
    message["Message-ID"] = f"<{uuid.uuid4()}@acme.example>"
    message.set_content("See the attachment.")
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


class TestEmail(ConnectorContract):
    connector = "email"

    @pytest.fixture
    def peer(self, imap_server: Dovecot) -> str:
        return f"Dovecot {imap_server.version} (IMAP), aiosmtpd (SMTP)"

    @pytest.fixture
    def user(self) -> str:
        return f"u{uuid.uuid4().hex}"

    @pytest.fixture
    def settings(self) -> Settings:
        return {
            "connection": "mailbox",
            "senders": ["orders@acme.example"],
            "smtp": "outgoing",
            "sender": "hub@hub.example",
            "to": ["partner@acme.example"],
        }

    @pytest.fixture
    def ports(self, imap_server: Dovecot, smtp_server: Smtp, user: str) -> PortsForTests:
        smtp_server.post.clear()
        return PortsForTests(
            credentials={"mailbox": imap_server.credentials(user), "outgoing": smtp_server.credentials()}
        )

    @pytest.fixture
    def unreachable(self, settings: Settings) -> tuple[Settings, PortsForTests]:
        nowhere = {
            "mailbox": Credentials(url="imaps://localhost:1", user="u", secret="s"),
            "outgoing": Credentials(url="smtp://localhost:1", user="u", secret="s"),
        }
        return settings, PortsForTests(credentials=nowhere)

    @pytest.fixture
    def arrive(self, imap_server: Dovecot, user: str) -> Arrive:
        def put(name: str, data: bytes) -> None:
            with imap_server.mailbox(user) as box:
                box.append("INBOX", letter(name, data))

        return put

    @pytest.fixture
    def state(self, imap_server: Dovecot, user: str) -> Callable[[], object]:
        def picture() -> object:
            with imap_server.mailbox(user) as box:
                names = sorted(name for _, _, name in box.list_folders())
                flags = {}
                for name in names:
                    box.select_folder(name, readonly=True)
                    flags[name] = {uid: sorted(f) for uid, f in box.get_flags(box.search()).items()}
                return flags

        return picture

    @pytest.fixture
    def effects(self, smtp_server: Smtp) -> Effects:
        def count(keys: Sequence[str]) -> dict[str, int]:
            from connectors.email.sending import message_id
            from connectors.email.settings import EmailSettings

            own = EmailSettings(smtp="outgoing", sender="hub@hub.example", to=("a@b",))
            ids = [str(message["Message-ID"]).strip() for message in smtp_server.post.messages()]
            return {key: n for key in keys if (n := ids.count(message_id(own, key)))}

        return count

    @pytest.fixture
    def replies(self, smtp_server: Smtp) -> Replies:
        def found() -> dict[str, bytes]:
            parts = [part for message in smtp_server.post.messages() for part in message.walk()]
            return {
                part.get_filename(): part.get_payload(decode=True) for part in parts if part.get_filename()
            }

        return found
