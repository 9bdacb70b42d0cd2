"""No internal address is reached because somebody else says so."""

from __future__ import annotations

import pytest

from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.transport.addresses import AddressGuard, guard_of, shown

PUBLIC = "93.184.216.34"


def guard(
    hosts: list[str], found: dict[str, list[str]] | None = None, private: list[str] | None = None
) -> AddressGuard:
    def resolve(host: str, port: int) -> list[str]:
        if host not in (found or {}):
            raise OSError("unknown name")
        return (found or {})[host]

    return AddressGuard(hosts, private=private or [], resolve=resolve)


def test_a_named_host_is_reached_at_its_public_addresses() -> None:
    checked = guard(["api.example.com"], {"api.example.com": [PUBLIC]})
    assert checked.check_url("https://API.example.com./orders") == ("api.example.com.", 443)
    assert checked.addresses("api.example.com", 443) == [PUBLIC]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "0.0.0.1", "::1", "::", "fe80::1", "fd00::1", "fec0::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "fe80::1%eth0", "ff02::1",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused_even_when_another_address_of_it_is_public(address: str) -> None:
    checked = guard(["api.example.com"], {"api.example.com": [PUBLIC, address]})
    with pytest.raises(ConnectorRefused, match="internal address"):
        checked.addresses("api.example.com", 443)
    named = guard(["api.example.com"], {"api.example.com": [address]}, private=["api.example.com"])
    assert named.addresses("api.example.com", 443) == [address]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://2130706433/", "http://127.1/", "http://0x7f.1/", "http://0177.0.0.1/", "http://[::1]/",
        "http://[::ffff:127.0.0.1]/", "http://localhost/", "http://169.254.169.254/latest/meta-data", "http://evil.example/",
        "file:///etc/passwd", "ftp://api.example.com/", "gopher://api.example.com/", "//api.example.com/", "api.example.com",
        "http://user:hush@api.example.com/", "http://api.example.com@evil.example/", "http://[/", "http://api.example.com:99999/",
        "http://api.example.com.evil.example/", "",
    ],
)  # fmt: skip
def test_addresses_that_nobody_named_are_refused(url: str) -> None:
    with pytest.raises(ConnectorRefused) as caught:
        guard(["api.example.com"]).check_url(url)
    assert "hush" not in str(caught.value)


def test_an_internal_address_is_named_by_being_the_connection_s_own() -> None:
    own = guard_of(Credentials(url="http://10.0.0.7:8069/web"))
    assert own.addresses("10.0.0.7", 8069) == ["10.0.0.7"]
    for other in ("http://10.0.0.8:8069/web", "http://10.0.0.7:22/", "http://10.0.0.7/"):
        with pytest.raises(ConnectorRefused):
            own.check_url(other)


def test_a_connection_names_further_hosts_and_internal_ones() -> None:
    credentials = Credentials(
        url="https://erp.corp.example/",
        extra={"private_hosts": "erp.corp.example", "allowed_hosts": ["*.cdn.example"]},
    )
    own = guard_of(credentials, resolve=lambda host, port: ["10.0.0.7"])
    assert own.addresses("erp.corp.example", 443) == ["10.0.0.7"]
    with pytest.raises(ConnectorRefused, match="internal"):
        own.addresses("files.cdn.example", 443)
    with pytest.raises(ConnectorRefused, match="not among"):
        own.check_host("cdn.example", 443)


def test_an_unknown_name_is_no_refusal() -> None:
    with pytest.raises(ConnectorUnavailable, match="cannot be resolved"):
        guard(["api.example.com"]).addresses("api.example.com", 443)


def test_addresses_are_shown_without_what_may_be_secret() -> None:
    assert shown("https://user:word@a.example:8443/p?key=word#word") == "https://a.example:8443/p"
    assert shown("http://[") == "an address that cannot be read"
