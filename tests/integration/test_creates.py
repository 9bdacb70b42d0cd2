"""What an agreement lets the ERP create and update reaches the target with each document, and nothing where it says nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hub_harness import PROJECT, ProjectFolders, hub

from orderhub.connector import LoadItem

pytestmark = pytest.mark.integration
SAMPLE = PROJECT / "samples" / "inbox" / "csv_orders"


@pytest.mark.parametrize(
    ("agreed", "expected"),
    [
        ("creates: [supplier, item]\nupdates: [item]\n", ({"supplier", "item"}, {"item"})),
        ("", (set(), set())),
    ],
    ids=["agreed", "not agreed"],
)
def test_the_agreement_says_what_a_target_may_create_and_update(
    database: str, tmp_path: Path, agreed: str, expected: tuple[set[str], set[str]]
) -> None:
    partners = tmp_path / "partners"
    shutil.copytree(PROJECT / "partners", partners)
    with (partners / "citrus_market.yaml").open("a", encoding="utf-8") as stream:
        stream.write(agreed)
    seen: list[LoadItem] = []
    with hub("csv_orders", database, tmp_path, folders=ProjectFolders(partners_folder=partners)) as at:
        [target] = at.flow.load
        connector = at.ctx.connectors(target.connector, target.settings)
        load = connector.load

        def watched(items: Any) -> Any:
            seen.extend(items)
            return load(items)

        connector.load = watched  # type: ignore[method-assign]
        at.drop(next(path for path in sorted(SAMPLE.iterdir()) if "good" in path.name))
        assert at.run().problems == []
    assert seen
    assert all((item.creates, item.updates) == expected for item in seen)
