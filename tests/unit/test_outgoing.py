"""What goes out in a message: a mapping that cannot be used is no fault of the order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orderhub.errors import ConnectorRefused, PayloadRefused
from orderhub.mapping.registry import MappingRegistry
from orderhub.project import mappings_folder
from orderhub.testing.parts import PortsForTests, load_item, sample_order
from orderhub.transport.outgoing import CANONICAL, outgoing


def ports(folder: Path) -> PortsForTests:
    registry = MappingRegistry(folder)
    return PortsForTests(
        resources={"write": lambda name, document, given=None: registry.writing(name).write(document, given)}
    )


def test_the_mapping_writes_it_or_it_goes_out_as_the_hub_has_it() -> None:
    item = load_item(sample_order("4711"))
    made = outgoing(ports(mappings_folder()), "purchase_order__xml_order", item)
    assert made.media_type == "application/xml" and made.name.endswith(".xml")
    assert b'<Order xmlns="urn:orderhub:order:1"' in made.data
    plain = outgoing(ports(mappings_folder()), None, item)
    assert plain.media_type == CANONICAL and json.loads(plain.data)["number"] == "4711"


def test_a_mapping_that_is_wrong_or_missing_stops_the_target_and_rejects_no_order(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(
        "mapping: wrong\nversion: 1\nsource: {document: purchase_order}\ntarget: {format: json}\nfields: {a: numbr}\n"
    )
    item = load_item(sample_order("4711"))
    for name, says in (("wrong", "no field 'numbr'"), ("missing", "no mapping 'missing'")):
        with pytest.raises(ConnectorRefused, match=says):
            outgoing(ports(tmp_path), name, item)


def test_an_order_that_cannot_be_written_is_refused_with_its_field() -> None:
    order = sample_order("4711")
    order.lines[1].item.name = "bolt\x07"
    with pytest.raises(PayloadRefused) as refused:
        outgoing(ports(mappings_folder()), "purchase_order__xml_order", load_item(order))
    assert refused.value.field == "lines[1].item.name"
