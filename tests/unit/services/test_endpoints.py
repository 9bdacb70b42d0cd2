"""Addresses that are made of others agree with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderhub.services import endpoints, secret_store
from orderhub.services.folder import DataFolder
from orderhub.services.settings import Settings
from orderhub.services.tryton import install


def build(folder: Path, **given: str) -> endpoints.Endpoints:
    held = secret_store.ensure(folder)
    return endpoints.build(Settings(**given), DataFolder(folder), held, endpoints.Ports(postgres=5, erp=6))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "tryton"),
        ({"erp_database": "ignored"}, "tryton"),
        ({"erp_database_url": "postgresql://u:p@db/erp_live?sslmode=require"}, "erp_live"),
        ({"erp_url": "http://erp:8000", "erp_password": "p", "erp_database": "theirs"}, "theirs"),
    ],
)
def test_the_erps_database_is_the_one_of_its_url(tmp_path: Path, given: dict[str, str], name: str) -> None:
    built = build(tmp_path, **given)
    assert built.erp_database == name
    command = install.init_command(tmp_path, built)
    assert command[command.index("-d") + 1] == name


def test_a_query_of_the_erps_database_reaches_the_server(tmp_path: Path) -> None:
    built = build(tmp_path, erp_database_url="postgresql://u:p%2Fq@db:5433/erp_live?sslmode=require")
    uri = install.server_environment(built, 6)["TRYTOND_DATABASE__URI"]
    assert uri == "postgresql://u:p%2Fq@db:5433/?sslmode=require"
