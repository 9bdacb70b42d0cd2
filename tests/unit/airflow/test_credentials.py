"""How connections of Airflow become credentials, type by type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from orderhub.airflow.credentials import credentials_of
from orderhub.airflow.provider import CONNECTION_TYPES


@dataclass
class Held:
    conn_type: str = ""
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    extra_dejson: dict[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("held", "url"),
    [
        (Held("http", "api.example.com"), "http://api.example.com"),
        (Held("http", "api.example.com", schema="https"), "https://api.example.com"),
        (Held("http", "api.example.com", 8443, extra_dejson={"https": True}), "https://api.example.com:8443"),
        (
            Held("https", "api.example.com/v1/orders?tenant=7", 8443),
            "https://api.example.com:8443/v1/orders?tenant=7",
        ),
        (Held("http", "https://api.example.com/v1?x=1", 80), "https://api.example.com/v1?x=1"),
        (Held("http", "2001:db8::7", 8080), "http://[2001:db8::7]:8080"),
        (Held("http", "[2001:db8::7]:8080"), "http://[2001:db8::7]:8080"),
        (Held("http", "api.example.com:8080", 9090), "http://api.example.com:8080"),
        (Held("orderhub_rest", "api.example.com"), "https://api.example.com"),
        (Held("orderhub_rest", "localhost", 8080, extra_dejson={"scheme": "http"}), "http://localhost:8080"),
        (Held("sftp", "sftp.example.com", 2222), "sftp://sftp.example.com:2222"),
        (Held("ssh", "sftp.example.com"), "sftp://sftp.example.com"),
        (Held("ftp", "ftp.example.com"), "ftp://ftp.example.com"),
        (Held("ftp", "ftp.example.com", extra_dejson={"tls": "true"}), "ftps://ftp.example.com"),
        (Held("orderhub_ftp", "ftp.example.com", extra_dejson={"tls": False}), "ftp://ftp.example.com"),
        (Held("imap", "mail.example.com"), "imaps://mail.example.com"),
        (
            Held("imap", "mail.example.com", 143, extra_dejson={"use_ssl": False}),
            "imap://mail.example.com:143",
        ),
        (Held("smtp", "mail.example.com", extra_dejson={"disable_ssl": True}), "smtp://mail.example.com"),
        (Held("postgres", "db.example.com", 5432, schema="sales"), "postgresql://db.example.com:5432/sales"),
        (Held("mysql", "db.example.com", schema="a/b"), "mysql://db.example.com/a%2Fb"),
        (Held("oracle", "db.example.com", 1521, schema="ORCL"), "oracle://db.example.com:1521/ORCL"),
        (Held("odbc", "db.example.com", schema="sales"), "odbc://db.example.com"),
        (
            Held("orderhub_sql", "db.example.com", schema="sales", extra_dejson={"scheme": "mariadb"}),
            "mariadb://db.example.com/sales",
        ),
        (
            Held("redis", "cache.example.com", 6379, extra_dejson={"db": 3}),
            "redis://cache.example.com:6379/3",
        ),
        (Held("redis", "cache.example.com", extra_dejson={"ssl": True}), "rediss://cache.example.com"),
        (Held("amqp", "mq.example.com", schema="orders"), "amqp://mq.example.com/orders"),
        (Held("rabbitmq", "mq.example.com", extra_dejson={"ssl": 1}), "amqps://mq.example.com"),
        (
            Held("orderhub_queue", "mq.example.com", schema="/", extra_dejson={"scheme": "amqps"}),
            "amqps://mq.example.com/%2F",
        ),
        (Held("orderhub_store", "s3://bucket/folder"), "s3://bucket/folder"),
        (Held("generic", "partner.example.com", 99), "generic://partner.example.com:99"),
    ],
)
def test_type_schema_port_and_extra_make_the_address(held: Held, url: str) -> None:
    assert credentials_of(held).url == url


def test_login_password_schema_and_extra_are_handed_on() -> None:
    found = credentials_of(
        Held("postgres", "db", 5432, "hub", "a secret", "sales", {"sslmode": "require", "empty": ""})
    )
    assert (found.user, found.secret) == ("hub", "a secret")
    assert found.extra == {"sslmode": "require", "database": "sales"}
    assert "a secret" not in found.url + repr(found)


def test_a_user_in_the_address_is_taken_out_of_it() -> None:
    found = credentials_of(Held("http", "https://hub:a%20secret@erp.example.com:8000/production"))
    assert found.url == "https://erp.example.com:8000/production"
    assert (found.user, found.secret) == ("hub", "a secret")
    own = credentials_of(Held("http", "https://hub:old@erp.example.com", login="other", password="new"))
    assert (own.user, own.secret) == ("other", "new")


def test_every_form_makes_an_address_and_hides_what_is_secret() -> None:
    for kind in CONNECTION_TYPES:
        found = credentials_of(Held(kind["connection-type"], "host.example.com"))
        assert "://host.example.com" in found.url, kind["connection-type"]
        assert not found.url.startswith("orderhub"), kind["connection-type"]
        for name, declared in kind["conn-fields"].items():
            hidden = declared["schema"].get("format") == "password"
            assert hidden is ("pass" in name or name == "private_key"), name
