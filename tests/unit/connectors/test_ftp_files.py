"""FTPS against pyftpdlib: certificates, sign-in, rights, cuts, and names that FTP cannot say."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from servers.certificates import Authority, make_authority
from servers.file_servers import authority  # noqa: F401 - a fixture
from servers.ftpd import PASSWORD, USER, Ftpd, running_ftpd

from connectors.ftp.connector import FtpConnector
from connectors.ftp.settings import FtpSettings
from orderhub.connector import Credentials, Interchange, Settlement
from orderhub.connector_registry import registry
from orderhub.errors import ConfigError, ConnectorRefused, ConnectorUnavailable
from orderhub.testing import PortsForTests

Make = Callable[..., FtpConnector]


@pytest.fixture(scope="module")
def ftpd(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Ftpd]:  # noqa: F811
    folder = tmp_path_factory.mktemp("served")
    with running_ftpd(folder, tls="explicit", certificate=authority.server, session_reuse=True) as server:
        yield server


@pytest.fixture
def inbox(ftpd: Ftpd, tmp_path: Path) -> Path:
    path = ftpd.folder / tmp_path.name
    path.mkdir()
    return path


@pytest.fixture
def make(ftpd: Ftpd, authority: Authority, tmp_path: Path) -> Iterator[Make]:  # noqa: F811
    made: list[FtpConnector] = []

    def build(
        *, port: int = ftpd.port, ca_file: Path = authority.ca_file, password: str = PASSWORD, **settings: Any
    ) -> FtpConnector:
        credentials = Credentials(
            url=f"ftps://localhost:{port}", user=USER, secret=password, extra={"ca_file": str(ca_file)}
        )
        given = {
            "connection": "partner",
            "path": tmp_path.name,
            "complete_when": "renamed",
            "retry": {"attempts": 3, "first_seconds": 0.01},
            **settings,
        }
        ports = PortsForTests(credentials={"partner": credentials})
        made.append(FtpConnector(FtpSettings.model_validate(given), ports))
        return made[-1]

    yield build
    for connector in made:
        connector.close()


def said(connector: FtpConnector) -> str:
    health = connector.check()
    assert not health.ok
    return health.sentence


def test_an_expired_certificate_is_refused(
    authority: Authority,  # noqa: F811 - the fixture
    make: Make,
    tmp_path: Path,
) -> None:
    for tls in ("explicit", "implicit"):
        with running_ftpd(tmp_path, tls=tls, certificate=authority.expired) as server:
            connector = make(port=server.port, tls=tls, path="/")
            sentence = said(connector)
            assert "certificate has expired" in sentence
            assert "Nothing was sent" in sentence
            with pytest.raises(ConnectorRefused, match="certificate"):
                list(connector.pull("orders", None))
            assert "USER" not in (server.control / "log").read_text()


def test_a_certificate_of_another_authority_or_host_is_refused(make: Make, tmp_path: Path) -> None:
    assert make(path="/").check().ok
    other = make_authority(tmp_path)
    assert "is not accepted" in said(make(path="/", ca_file=other.ca_file))


def test_tls_is_never_left_out_by_itself(ftpd: Ftpd, make: Make, tmp_path: Path) -> None:
    with running_ftpd(tmp_path) as plain:
        sentence = said(make(port=plain.port, path="/"))
        assert "offers no TLS" in sentence
        assert "PASS" not in (plain.control / "log").read_text()
        assert make(port=plain.port, path="/", plain=True).check().ok
    assert "required" in said(make(plain=True))
    with pytest.raises(ConfigError, match="plain"):
        registry().settings("ftp", {"connection": "partner", "plain": True, "tls": "implicit"})
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


def test_what_is_wrong_is_said_in_a_sentence(
    authority: Authority,  # noqa: F811 - the fixture
    make: Make,
    inbox: Path,
) -> None:
    sentence = said(make(password="not this one"))
    assert "does not let the user 'partner' in" in sentence
    assert "not this one" not in sentence
    missing = make(path="missing")
    assert said(missing).endswith("missing does not exist.")
    with pytest.raises(ConnectorUnavailable, match="does not exist"):
        missing.reply("a_b.edi", b"x", "key")
    (inbox / "file").write_bytes(b"x")
    assert "no folder" in said(make(path=f"{inbox.name}/file"))
    with running_ftpd(inbox, tls="explicit", certificate=authority.server, permissions="elr") as readable:
        connector = make(port=readable.port, path="/")
        assert "may be read and not written" in said(connector)
        [found] = connector.pull("orders", None)
        with pytest.raises(ConnectorRefused, match="cannot be put away"):
            connector.settle(found, Settlement.ACCEPTED)
        with pytest.raises(ConnectorRefused, match="may not be written"):
            connector.reply("a_b.edi", b"x", "key")
        assert make(port=readable.port, path="/", after="leave").check().ok


def test_a_session_that_ends_in_the_middle(ftpd: Ftpd, make: Make, inbox: Path) -> None:
    contents = {f"{number:02}.edi": os.urandom(40_000 + number) for number in range(12)}
    contents["big.edi"] = os.urandom(2_000_000)
    for name, data in contents.items():
        (inbox / name).write_bytes(data)
    for cut in (0, 20_000, 1_500_000):
        ftpd.say("cut_bytes", str(cut))
        found = [(one.name, one.data) for one in make(order="name").pull("orders", None)]
        assert found == sorted(contents.items())
        assert not (ftpd.control / "cut_bytes").exists(), "it was cut"
    connector = make()
    [first, *_] = found = list(connector.pull("orders", None))
    for step, one in enumerate(found):
        ftpd.say("cut_at", f"{step // 2} {('before', 'after')[step % 2]}")
        connector.settle(one, Settlement.ACCEPTED)
        (ftpd.control / "cut_at").unlink(missing_ok=True)
        connector.settle(one, Settlement.ACCEPTED)
    assert [path.name for path in inbox.iterdir()] == ["processed"]
    assert {path.name for path in inbox.glob("processed/*/*")} == contents.keys()
    assert first.name in contents


def test_hostile_names(make: Make, inbox: Path, tmp_path: Path) -> None:
    harmless = [
        b"\xff\xfe\x80.edi",
        "inv\u202eidc.exe".encode(),
        b"x" * 251 + b".edi",
        b"=1+1.csv",
        b"a\\..\\b.edi",
        b"two  spaces;type=dir; .edi",
        "bestellung_ü.edi".encode(),
    ]
    for name in harmless:
        (inbox / os.fsdecode(name)).write_bytes(b"one " + name)
    (inbox / "new\nline.edi").write_bytes(b"never read")
    (inbox / "in\r\ntype=file;size=5;modify=20260101000000; jected.edi").write_bytes(b"never read")
    connector = make(patterns=["*"])
    assert connector.waiting("orders", None)
    found = list(connector.pull("orders", None))
    assert {one.data for one in found if one.data} == {b"one " + name for name in harmless}
    refused = [one for one in found if one.data is None]
    assert refused
    for one in refused:
        assert "line break" in (one.problem or "")
        assert not set(one.name) & set("\r\n")
    for one in found:
        kept = msgspec.json.decode(
            msgspec.json.encode(msgspec.structs.replace(one, data=None)), type=Interchange
        )
        connector.settle(kept, Settlement.ACCEPTED if one.data else Settlement.REFUSED)
    assert {os.fsencode(path.name) for path in inbox.glob("processed/*/*")} == set(harmless)
    assert not connector.waiting("orders", None), "what FTP cannot name keeps nobody awake"


def test_links_do_not_lead_out_of_the_served_folder(make: Make, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not for the hub")
    (inbox / "link.edi").symlink_to(tmp_path / "secret")
    (inbox / "good.edi").write_bytes(b"good")
    found = list(make().pull("orders", None))
    assert [one.data for one in found if one.data is not None] == [b"good"]


def test_a_file_that_changes_is_left_for_later(make: Make, inbox: Path) -> None:
    (inbox / "1.edi").write_bytes(b"one")
    (inbox / "2.edi").write_bytes(b"two")
    (inbox / "3.edi").write_bytes(b"three")
    connector = make(order="name")
    pulling = connector.pull("orders", None)
    assert next(pulling).name == "1.edi"
    (inbox / "2.edi").write_bytes(b"two and more of it")
    (inbox / "3.edi").unlink()
    assert list(pulling) == []
    assert {one.name: one.data for one in make().pull("orders", None)} == {
        "1.edi": b"one",
        "2.edi": b"two and more of it",
    }
