"""Orders of 10 lines written as payloads by the sample mappings, on one core, against the limit of 0.3 ms for one; and the
JSON against orjson, the XML against lxml, which only put the same finished tree into bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson
from lxml import etree

from benchmarks import Result, interleaved
from orderhub.documents import Document
from orderhub.formats.generate import generate
from orderhub.formats.json import JsonLayout, JsonReader
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.writing import CompiledWriting
from orderhub.project import mappings_folder

BENCH = True

ORDERS = 500
LINES = 10
LIMIT = 0.3


def orders(registry: MappingRegistry) -> list[Document]:
    """Generated orders as canonical documents."""
    mapping = registry.get("json_orders__purchase_order")
    reader = JsonReader(JsonLayout.from_declaration(mapping.source))
    data = b"".join(generate("json", orders=ORDERS, lines=LINES, seed=1))
    made = [mapping.run(tree).document for tree in reader.read(data, name="orders.json")]
    return [document for document in made if document is not None]


def writer(mapping: CompiledWriting, documents: Sequence[Document]) -> Callable[[], None]:
    given = dict.fromkeys(mapping.given, "1")

    def work() -> None:
        for document in documents:
            mapping.write(document, given)

    return work


def again(root: etree._Element) -> bytes:
    """The same elements made once more and written."""
    copy = etree.Element(root.tag, attrib=dict(root.attrib), nsmap=root.nsmap)
    todo = [(root, copy)]
    while todo:
        source, target = todo.pop()
        for child in source:
            made = etree.SubElement(target, child.tag, attrib=dict(child.attrib))
            made.text = child.text
            if len(child):
                todo.append((child, made))
    return etree.tostring(copy, encoding="UTF-8")


def run(rounds: int) -> list[Result]:
    registry = MappingRegistry(mappings_folder())
    documents = orders(registry)
    assert len(documents) == ORDERS
    names = ("json_order", "xml_order", "idoc_orders05")
    mappings = {name: registry.writing(f"purchase_order__{name}") for name in names}
    trees = [orjson.loads(mappings["json_order"].write(one).data) for one in documents]
    roots = [etree.fromstring(mappings["xml_order"].write(one).data) for one in documents]
    seconds = interleaved(
        {
            **{name: writer(mapping, documents) for name, mapping in mappings.items()},
            "orjson": lambda: [orjson.dumps(tree) for tree in trees],
            "lxml": lambda: [again(root) for root in roots],
        },
        rounds,
    )
    each = {name: value / ORDERS * 1000 for name, value in seconds.items()}
    results = [
        Result(
            f"purchase_order__{name}: one order written / limit",
            round(each[name], 4),
            LIMIT,
            round(LIMIT / each[name], 2),
            "ms",
        )
        for name in names
    ]
    for name, peer in (("json_order", "orjson"), ("xml_order", "lxml")):
        title = f"purchase_order__{name}: mapped and written / {peer}, the finished tree to bytes"
        rate = {one: 1000 / each[one] for one in (name, peer)}
        results.append(
            Result(
                title,
                round(rate[name], 1),
                round(rate[peer], 1),
                round(rate[name] / rate[peer], 3),
                "orders/s",
            )
        )
    return results
