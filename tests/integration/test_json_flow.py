"""JSON through the stages: a flow that names no mapping finds one by the keys, and what fits none is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_harness import PROJECT, hub

from orderhub.stage import TranslateStep

pytestmark = pytest.mark.integration

SAMPLES = PROJECT / "samples" / "inbox" / "json_orders"


def test_a_flow_without_a_mapping_takes_the_one_whose_keys_fit(database: str, tmp_path: Path) -> None:
    with hub("json_orders", database, tmp_path, translate=TranslateStep()) as at:
        at.drop(SAMPLES / "01_good_batch.json")
        at.drop(b'{"weather": "rain", "wind": 7}', "other.json")
        at.drop(b'{"weather": "rain", "wind": 7', "broken.json")
        assert at.run().problems == []
        states = {name: row["state"] for name, row in at.interchanges().items()}
        assert states == {"01_good_batch.json": "translated", "other.json": "read", "broken.json": "refused"}
        assert [(row["number"], row["state"]) for row in at.documents()] == [
            ("FS-2026-0001", "loaded"),
            ("FS-2026-0002", "loaded"),
        ]
        (finding,) = at.interchanges()["broken.json"]["findings"]
        assert (finding["code"], finding["place"]["line"]) == ("JSON_TRUNCATED", 1)


def test_a_json_file_in_another_flow_is_kept_and_said_so(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path, partner="fjord_shop") as at:
        at.drop(SAMPLES / "02_good_bom_single.json")
        assert at.run().problems == []
        row = at.interchanges()["02_good_bom_single.json"]
        assert (row["state"], row["findings"][0]["code"]) == ("read", "NO_MAPPING")
