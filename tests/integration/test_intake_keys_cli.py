"""``orderhub intake key``: made once, listed without its secret, ended at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from orderhub.cli import hub
from orderhub.cli.app import app
from orderhub.errors import ConfigError, HubError
from orderhub.flows.registry import FlowRegistry
from orderhub.ledger import audit, intake_keys
from orderhub.ledger.engine import transaction
from orderhub.ledger.intake_keys import IntakeKeyUnknown

pytestmark = pytest.mark.integration

FLOW = """
flow: {name}
owner: test
trigger: {{arrival: true}}
pull: {{connector: {connector}, settings: {settings}}}
load: [{{connector: warehouse}}]
"""


@pytest.fixture
def run(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    @contextmanager
    def ledger() -> Iterator[Engine]:
        yield engine

    for name, connector, settings in (
        ("acme_posts", "http_intake", "{endpoint: acme}"),
        ("files", "folder", "{path: files}"),
    ):
        (tmp_path / f"{name}.yaml").write_text(FLOW.format(name=name, connector=connector, settings=settings))
    monkeypatch.setattr(hub, "ledger", ledger)
    monkeypatch.setattr(hub, "flows", lambda: FlowRegistry(tmp_path))
    monkeypatch.setattr(hub, "actor", lambda: "cli:anna")

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, ["intake", "key", *arguments])
        if isinstance(result.exception, HubError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return run


def test_a_key_is_shown_once_listed_without_its_secret_and_ended(
    run: Callable[..., Result], engine: Engine
) -> None:
    shown = run("new", "acme_posts", "--name", "ACME, Berlin").output
    [key] = [line.strip() for line in shown.splitlines() if line.strip().startswith("ohk_")]
    assert "/orderhub/api/v1/intake/acme" in shown
    made = json.loads(run("new", "acme_posts", "--test", "--json").output)
    assert made["test"] is True
    with transaction(engine) as connection:
        found = intake_keys.verify(connection, key)
        assert found is not None
        assert (found.flow, found.name, found.test, found.created_by) == (
            "acme_posts",
            "ACME, Berlin",
            False,
            "cli:anna",
        )
    listed = run("list", "acme_posts").output + run("list", "--json").output
    for one in (key, made["key"]):
        # a secret may have an underscore in it, too
        _, public, secret = one.split("_", 2)
        assert secret not in listed
        assert public in listed
    assert json.loads(run("list", "files", "--json").output) == []
    run("revoke", found.public_id, "--reason", "lost")
    with transaction(engine) as connection:
        assert intake_keys.verify(connection, key) is None
        assert intake_keys.verify(connection, made["key"]) is not None
        said = [(row.action, row.actor, row.detail.get("reason")) for row in audit.rows(connection)]
        assert audit.verify(connection).ok
    assert said == [
        ("intake_key.revoke", "cli:anna", "lost"),
        ("intake_key.create", "cli:anna", None),
        ("intake_key.create", "cli:anna", None),
    ]
    with pytest.raises(IntakeKeyUnknown):
        run("revoke", found.public_id)


def test_a_key_may_end_by_itself(run: Callable[..., Result]) -> None:
    made = json.loads(run("new", "acme_posts", "--days", "30", "--json").output)
    assert made["expires_at"] > made["created_at"]
    [listed] = json.loads(run("list", "--json").output)
    assert (listed["state"], listed["expires_at"]) == ("valid", made["expires_at"])
    with pytest.raises(ConfigError, match="0 days"):
        run("new", "acme_posts", "--days", "0")


def test_only_flows_that_take_posts_have_keys(run: Callable[..., Result]) -> None:
    with pytest.raises(ConfigError, match="http_intake"):
        run("new", "files")
    with pytest.raises(ConfigError, match="nothing"):
        run("new", "nothing")
