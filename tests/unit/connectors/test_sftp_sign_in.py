"""Signing in to OpenSSH: the server must be the expected one, the user is told what is wrong, and nothing secret is told."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import msgspec
import pytest
from servers.file_servers import sshd  # noqa: F401 - a fixture
from servers.hostile_sftp import hostile_sftp
from servers.sshd import Sshd, running_sshd

from connectors.sftp.connector import SftpConnector
from connectors.sftp.settings import SftpSettings
from connectors.sftp.store import SftpStore
from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.testing import PortsForTests
from orderhub.transport.files import server as file_server

Make = Callable[..., SftpConnector]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[SftpConnector] = []

    def build(credentials: Credentials, **settings: object) -> SftpConnector:
        given = {
            "connection": "partner",
            "path": str(tmp_path),
            "retry": {"attempts": 2, "first_seconds": 0.01},
            **settings,
        }
        ports = PortsForTests(credentials={"partner": credentials})
        made.append(SftpConnector(SftpSettings.model_validate(given), ports))
        return made[-1]

    yield build
    for connector in made:
        connector.close()


def said(connector: SftpConnector) -> str:
    health = connector.check()
    assert not health.ok
    return health.sentence


def test_a_changed_host_key_is_refused_with_both_fingerprints(sshd: Sshd, make: Make) -> None:  # noqa: F811
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    connector = make(sshd.credentials(fingerprint=other))
    sentence = said(connector)
    assert "is not the expected one" in sentence
    assert other in sentence
    assert sshd.fingerprint in sentence
    with pytest.raises(ConnectorRefused, match="host key"):
        next(connector.pull("orders", None))
    with pytest.raises(ConnectorRefused, match="host key"):
        connector.reply("a_b.edi", b"x", "key")


def test_a_changed_host_key_is_refused_before_the_password_is_sent(tmp_path: Path, make: Make) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    with hostile_sftp(tmp_path) as server:
        right = server.credentials()
        wrong = msgspec.structs.replace(right, extra={"fingerprint": other})
        assert server.fingerprint in said(make(wrong))
        assert server.passwords == []
        assert make(right, path="/").check().ok
        assert len(server.passwords) == 1


def test_an_unknown_host_key_is_never_trusted_on_first_use(sshd: Sshd, make: Make) -> None:  # noqa: F811
    sentence = said(make(sshd.credentials(fingerprint=None)))
    assert "Nothing vouches for the host key" in sentence
    assert sshd.fingerprint in sentence
    elsewhere = f"other.example {sshd.host_key.export_public_key().decode()}"
    assert "Nothing vouches" in said(make(sshd.credentials(fingerprint=None, known_hosts=elsewhere)))


def test_what_vouches_for_a_host_key(sshd: Sshd, make: Make, tmp_path: Path) -> None:  # noqa: F811
    public = sshd.host_key.export_public_key().decode().strip()
    line = f"[127.0.0.1]:{sshd.port} {public}\n"
    (tmp_path / "known_hosts").write_text(line)
    other = asyncssh.generate_private_key("ssh-ed25519")
    for extra in (
        {"known_hosts": line},
        {"known_hosts": str(tmp_path / "known_hosts")},
        {"host_key": public},
        {"fingerprint": [other.get_fingerprint(), sshd.fingerprint]},
    ):
        assert make(sshd.credentials(**{"fingerprint": None, **extra})).check().ok, extra
    changed = f"[127.0.0.1]:{sshd.port} {other.export_public_key().decode()}"
    sentence = said(make(sshd.credentials(fingerprint=None, known_hosts=changed)))
    assert other.get_fingerprint() in sentence
    assert sshd.fingerprint in sentence
    revoked = f"@revoked [127.0.0.1]:{sshd.port} {public}"
    assert "host key" in said(make(sshd.credentials(known_hosts=revoked)))


@pytest.mark.parametrize(
    "extra",
    [
        {"fingerprint": "MD5:aa:bb"},
        {"fingerprint": "SHA256:short"},
        {"fingerprint": None, "known_hosts": "/no/such/file"},
        {"fingerprint": None, "host_key": "ssh-ed25519 nonsense"},
        {"private_key": "/no/such/file"},
        {
            "private_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret text\n-----END OPENSSH PRIVATE KEY-----"
        },
    ],
    ids=str,
)
def test_a_connection_that_is_not_filled_in_rightly(
    sshd: Sshd,  # noqa: F811 - the fixture
    make: Make,
    extra: dict[str, object],
) -> None:
    sentence = said(make(sshd.credentials(**extra)))
    assert "'partner'" in sentence
    assert "secret text" not in sentence


@pytest.mark.parametrize("kind", ["pkcs8-pem", "openssh"])
def test_keys_and_passwords(sshd: Sshd, make: Make, tmp_path: Path, kind: str) -> None:  # noqa: F811
    key = asyncssh.read_private_key(sshd.user_key)
    text = key.export_private_key(kind, passphrase="geheim").decode()
    assert make(sshd.credentials(private_key=text, passphrase="geheim")).check().ok
    for wrong in ("falsch", None):
        sentence = said(make(sshd.credentials(private_key=text, passphrase=wrong)))
        assert "private key" in sentence
        assert "falsch" not in sentence
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    assert "does not let the user" in said(make(sshd.credentials(private_key=stranger)))
    by_password = msgspec.structs.replace(sshd.credentials(private_key=None), secret="not the password")
    sentence = said(make(by_password))
    assert "does not let the user" in sentence
    assert "password" in sentence
    assert "not the password" not in sentence
    assert "has no user" in said(make(msgspec.structs.replace(sshd.credentials(), user=None)))
    with hostile_sftp(tmp_path) as server:
        assert make(server.credentials(), path="/").check().ok
        assert "does not let the user" in said(make(server.credentials("wrong"), path="/"))


def test_a_server_that_is_not_there_or_speaks_something_else(
    sshd: Sshd,  # noqa: F811 - the fixture
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect = SftpConnector.connect
    tries: list[SftpConnector] = []

    def counted(connector: SftpConnector) -> SftpStore:
        tries.append(connector)
        return connect(connector)

    monkeypatch.setattr(SftpConnector, "connect", counted)
    monkeypatch.setattr(file_server, "_AWAY_SECONDS", 600)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        away = make(sshd.credentials(port=taken.getsockname()[1]))
        assert "cannot be reached" in said(away)
        with pytest.raises(ConnectorUnavailable):
            away.waiting("orders", None)
        before = len(tries)
        for _ in range(200):
            with pytest.raises(ConnectorUnavailable):
                away.reply("a_b.edi", b"x", "key")
        assert len(tries) == before > 0, "it is not tried anew for everything that waits"
    for url in ("https://127.0.0.1", "sftp://", "sftp://host:port", "nonsense"):
        wrong = msgspec.structs.replace(sshd.credentials(), url=url)
        assert "names no SFTP server" in said(make(wrong))


def test_a_folder_that_is_missing_or_a_file(sshd: Sshd, make: Make, tmp_path: Path) -> None:  # noqa: F811
    missing = make(sshd.credentials(), path=str(tmp_path / "missing"))
    assert said(missing).endswith("missing does not exist.")
    for work in (
        lambda: list(missing.pull("orders", None)),
        lambda: missing.reply("a_b.edi", b"x", "key"),
        lambda: missing.waiting("orders", None),
    ):
        with pytest.raises(ConnectorUnavailable, match="does not exist"):
            work()
    (tmp_path / "file").touch()
    a_file = make(sshd.credentials(), path=str(tmp_path / "file"))
    assert "no folder" in said(a_file)
    with pytest.raises(ConnectorRefused):
        list(a_file.pull("orders", None))
    (tmp_path / "processed").symlink_to("/tmp")
    assert "processed is not a real folder" in said(make(sshd.credentials()))


def test_rights_that_are_missing(make: Make) -> None:
    """With a server of an ordinary user, for root may do everything."""
    with running_sshd(ordinary=True) as server:
        inbox = server.folder / "inbox"
        inbox.mkdir()
        (inbox / "x.edi").write_bytes(b"x")
        (inbox / "locked.edi").write_bytes(b"x")
        os.chmod(inbox / "locked.edi", 0)  # noqa: PTH101 - what the file's owner may not read
        inbox.chmod(0o555)
        server.give(inbox)
        connector = make(server.credentials(), path=str(inbox), complete_when="renamed")
        assert "may be read and not written" in said(connector)
        assert make(server.credentials(), path=str(inbox), after="leave").check().ok
        found = {one.name: one for one in connector.pull("orders", None)}
        assert found["x.edi"].data == b"x"
        assert found["locked.edi"].problem == "locked.edi may not be read by the connection's user."
        with pytest.raises(ConnectorRefused, match="cannot be put away"):
            connector.settle(found["x.edi"], "accepted")
        with pytest.raises(ConnectorRefused, match="may not be written"):
            connector.reply("a_b.edi", b"x", "key")
        inbox.chmod(0o300)
        assert "cannot be read" in said(make(server.credentials(), path=str(inbox)))
        inbox.chmod(0o755)
        assert make(server.credentials(), path=str(inbox)).check().ok
        assert sorted(path.name for path in inbox.iterdir()) == ["locked.edi", "x.edi"]
