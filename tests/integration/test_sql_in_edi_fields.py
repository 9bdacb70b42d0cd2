"""Orders whose every text element is SQL: they go through translation, ledger, ERP and both warehouses unharmed, to the letter,
and what was there before stays."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import erp_support
import msgspec
import pytest
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from ruamel.yaml import YAML
from servers.mariadb import MariaDb, mariadb, mariadb_database  # noqa: F401 - fixtures

from orderhub.services.endpoints import Endpoints
from orderhub.stage import Target

pytestmark = [pytest.mark.integration, pytest.mark.slow]

#: Quotes of every dialect, ends of statements, comments, placeholders of every driver, patterns, escapes of COPY and LOAD DATA.
STATEMENTS = (
    "x'); DROP TABLE ledger.document;--",
    "' OR '1'='1' --",
    '"; DELETE FROM warehouse.load; --',
    "`; DROP TABLE purchase_order; -- `",
    "1; SELECT pg_sleep(60) --",
    "*/ UNION SELECT 1 FROM users /*",
    "%s %(id)s :id ? {0} $1 $$ @@v",
    "\\'; SHUTDOWN; -- \\",
    "\\N %_\\t'' \\. ''",
    "'; COPY t TO PROGRAM 'id'; --",
    "'; LOAD DATA LOCAL INFILE 'x'; #",
    "x' AND EXTRACTVALUE(1,'a') AND 'a",
)
#: Fields of a mapping that hold a code, a number or a date; all others are text.
CODED = {
    *(
        "function",
        "issued_on",
        "requested_delivery_on",
        "currency",
        "source_system",
        "test",
        "total_amount",
        "gln",
    ),
    *("gtin", "country", "quantity", "unit", "price", "price_base_quantity", "amount", "lines.number"),
}
#: Elements that are shorter than 35 characters, by the field's last name; the directories say so.
EDIFACT_LENGTHS = {
    "code": 17,
    "item.code": 35,
    "postal_zone": 9,
    "subdivision": 9,
    "delivery_terms": 3,
    "telephone": 25,
}
X12_LENGTHS = {
    "number": 22,
    "contract_number": 30,
    "tax_number": 30,
    "city": 30,
    "subdivision": 2,
    "postal_zone": 15,
    # a code of a list, which the reader holds it against
    "delivery_terms": 0,
}
_numbers = itertools.count(1)


def text_fields(mapping: str) -> list[str]:
    """Paths of a mapping's text fields, with ``lines`` as one level."""

    def walk(fields: Mapping[str, Any], above: str) -> Iterator[str]:
        for name, rule in fields.items():
            path = f"{above}{name}"
            if name in ("at", "each") or name in CODED or path in CODED:
                continue
            if isinstance(rule, Mapping) and "const" not in rule:
                yield from walk(rule, f"{path}.")
            elif not isinstance(rule, Mapping):
                yield path

    content = YAML(typ="safe", pure=True).load(PROJECT / "mappings" / f"{mapping}.yaml")
    return list(walk(content["fields"], ""))


def statements_for(mapping: str, lengths: Mapping[str, int], first: int) -> dict[str, str]:
    """A statement for each text field, no longer than its element; the ``first`` one says where to begin. What must be new to a
    shared ERP begins with a tag."""
    tag = f"{os.getpid() % 10**6}x{next(_numbers)}"
    texts: dict[str, str] = {}
    for index, path in enumerate(text_fields(mapping)):
        name = path.rpartition(".")[2]
        length = lengths.get(name, 35)
        text = STATEMENTS[(first + index) % len(STATEMENTS)]
        if path in ("number", "supplier.code", "lines.item.buyer_code"):
            text = f"{tag}';DROP TABLE x;--"
        if length < 10:
            text = "';--"
        if length:
            texts[path] = text[:length].strip()
    return texts


def edifact(texts: Mapping[str, str]) -> bytes:
    """An ORDERS D.96A with these texts in its elements, and in its references."""
    reference, message = f"';--{next(_numbers)}", "1';--"

    def t(path: str) -> str:
        return escaped(texts[path])

    def party(function: str, path: str) -> list[str]:
        address = f"{path}.address."
        return [
            f"NAD+{function}+{t(f'{path}.code')}::92++{t(f'{path}.name')}+{t(address + 'street')}:"
            f"{t(address + 'additional_street')}+{t(address + 'city')}+{t(address + 'subdivision')}+"
            f"{t(address + 'postal_zone')}+DE",
            *([f"RFF+VA:{t(f'{path}.tax_number')}"] if f"{path}.tax_number" in texts else []),
        ]

    body = [
        f"UNH+{escaped(message)}+ORDERS:D:96A:UN:EAN008",
        f"BGM+220+{t('number')}+9",
        "DTM+137:20261120:102",
        f"FTX+AAI+++{t('note')}",
        f"RFF+CT:{t('contract_number')}",
        *party("BY", "buyer"),
        f"CTA+PD+:{t('buyer.contact.name')}",
        f"COM+{t('buyer.contact.telephone')}:TE",
        f"COM+{t('buyer.contact.email')}:EM",
        *party("SU", "supplier"),
        *party("DP", "ship_to"),
        *party("IV", "invoice_to"),
        "CUX+2:EUR:9",
        f"PAT+1+6:::{t('payment_terms')}",
        f"TOD+3++{t('delivery_terms')}",
        "LIN+1",
        f"PIA+1+{t('lines.item.buyer_code')}:IN+{t('lines.item.supplier_code')}:SA+{t('lines.item.manufacturer_code')}:MF",
        f"IMD+F++:::{t('lines.item.name')}",
        "QTY+21:10:PCE",
        f"FTX+LIN+++{t('lines.note')}",
        "PRI+AAA:0.12",
        "UNS+S",
        "CNT+2:1",
    ]
    segments = [
        f"UNB+UNOC:3+4299999001006:14+4299999000009:14+261120:0830+{escaped(reference)}",
        *body,
        f"UNT+{len(body) + 1}+{escaped(message)}",
        f"UNZ+1+{escaped(reference)}",
    ]
    return "".join(f"{segment}'\n" for segment in segments).encode("ascii")


def escaped(text: str) -> str:
    """With EDIFACT's release character."""
    return re.sub(r"([?'+:])", r"?\1", text)


def x12(texts: Mapping[str, str]) -> bytes:
    """An 850 004010 with these texts in its elements; its separators occur in none of them."""

    def party(function: str, path: str) -> list[str]:
        address = f"{path}.address."
        tax = texts.get(f"{path}.tax_number")
        return [
            f"N1|{function}|{texts[f'{path}.name']}|92|{texts[f'{path}.code']}",
            f"N3|{texts[address + 'street']}|{texts[address + 'additional_street']}",
            f"N4|{texts[address + 'city']}|{texts[address + 'subdivision']}|{texts[address + 'postal_zone']}|US",
            *([f"REF|VX|{tax}"] if tax else []),
        ]

    contact = "buyer.contact."
    body = [
        "ST|850|1';--",
        f"BEG|00|SA|{texts['number']}||20261120",
        "CUR|BY|EUR",
        f"REF|CT|{texts['contract_number']}",
        "FOB|CC||||DDP",
        f"ITD|01|||||||||||{texts['payment_terms']}",
        "N9|ZZ|1",
        f"MSG|{texts['note']}",
        *party("BY", "buyer"),
        f"PER|BD|{texts[contact + 'name']}|TE|{texts[contact + 'telephone']}|EM|{texts[contact + 'email']}",
        *party("SU", "supplier"),
        *party("ST", "ship_to"),
        *party("BT", "invoice_to"),
        f"PO1|1|10|EA|.12||BP|{texts['lines.item.buyer_code']}|VP|{texts['lines.item.supplier_code']}|"
        f"MG|{texts['lines.item.manufacturer_code']}",
        f"PID|F||||{texts['lines.item.name']}",
        f"MSG|{texts['lines.note']}",
        "CTT|1",
    ]
    number = f"{next(_numbers):09d}"
    segments = [
        f"ISA|00|          |00|          |14|4299999001051  |14|4299999000009  |261120|0830|U|00401|{number}|0|P|^",
        "GS|PO|4299999001051|4299999000009|20261120|0830|1|X|004010",
        *body,
        f"SE|{len(body) + 1}|1';--",
        "GE|1|1",
        f"IEA|1|{number}",
    ]
    return "".join(f"{segment}~\n" for segment in segments).encode("ascii")


Build = Callable[[Mapping[str, str]], bytes]
CASES = {
    "EDIFACT": ("edifact_orders", "edifact_orders_d96a__purchase_order", EDIFACT_LENGTHS, edifact),
    "X12": ("x12_orders", "x12_850_004010__purchase_order", X12_LENGTHS, x12),
}


@contextmanager
def everywhere(
    flow: str, database: str, folder: Path, erp: Endpoints, server: MariaDb, reporting: str
) -> Iterator[Hub]:
    """The flow into Tryton and both warehouses; its partner may have suppliers and items created."""
    partners = Path(shutil.copytree(PROJECT / "partners", folder / "partners"))
    for name in ("acme_retail", "delta_stores"):
        path = partners / f"{name}.yaml"
        path.write_text(f"{path.read_text(encoding='utf-8')}creates: [supplier, item]\n", encoding="utf-8")
    with hub(
        flow,
        database,
        folder,
        targets=("tryton", "warehouse"),
        erp=erp,
        folders=ProjectFolders(partners_folder=partners),
        connections=lambda name: server.credentials(reporting) if name == "reporting" else None,
    ) as at:
        more = Target(name="reporting", connector="mariadb_warehouse", settings={"connection": "reporting"})
        at.flow = msgspec.structs.replace(at.flow, load=(*at.flow.load, more))
        yield at


def values(texts: Mapping[str, str], document: Mapping[str, Any]) -> dict[str, Any]:
    """What the document has at these paths."""
    found: dict[str, Any] = {}
    for path in texts:
        place: Any = document
        for step in path.split("."):
            place = place.get(step) if isinstance(place, Mapping) else None
            if step == "lines":
                [place] = place or [None]
        found[path] = place
    return found


#: Canonical path → table and column of the star schema.
def column(path: str) -> tuple[str, str] | None:
    if path.startswith("lines."):
        return "purchase_order_line", path.rpartition(".")[2]
    owner, _, name = path.partition(".")
    if not name:
        return "purchase_order", path
    return ("purchase_order", f"{owner}_{name}") if name in ("code", "name") else None


#: As they came.
IN_ORDER = {"purchase_order": "id", "purchase_order_line": "order_id, position"}


def in_postgresql(at: Hub, table: str) -> list[dict[str, Any]]:
    return at.rows(f"SELECT * FROM warehouse.{table} ORDER BY {IN_ORDER[table]}")  # noqa: S608 - constants


def in_mariadb(server: MariaDb, database: str, table: str) -> list[dict[str, Any]]:
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY {IN_ORDER[table]}")  # noqa: S608 - constants
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def tables(at: Hub, server: MariaDb, database: str) -> list[Any]:
    """Names of all tables of ledger and warehouses."""
    found: list[Any] = at.rows(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('ledger', 'warehouse') ORDER BY 1, 2"
    )
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        return [*found, *sorted(cursor.fetchall())]


@pytest.mark.parametrize("case", CASES)
def test_sql_in_every_field_is_text_everywhere(
    database: str,
    tmp_path: Path,
    erp: Endpoints,
    mariadb: MariaDb,  # noqa: F811 - the fixture
    mariadb_database: str,  # noqa: F811 - the fixture
    case: str,
) -> None:
    flow, mapping, lengths, build = CASES[case]
    bystander, texts = (statements_for(mapping, lengths, first) for first in (0, 5))
    with everywhere(flow, database, tmp_path, erp, mariadb, mariadb_database) as at:
        at.drop(build(bystander), "first.edi")
        assert at.run().problems == []
        before = tables(at, mariadb, mariadb_database)
        kept = in_postgresql(at, "purchase_order")
        data = build(texts)
        at.drop(data, "second.edi")
        assert at.run().problems == []

        documents = at.documents()
        assert [row["state"] for row in documents] == ["loaded"] * 2, documents[-1]["findings"]
        assert values(texts, msgspec.json.decode(documents[1]["canonical"])) == texts
        assert [row["number"] for row in documents] == [bystander["number"], texts["number"]]
        assert tables(at, mariadb, mariadb_database) == before
        for look in (
            lambda table: in_postgresql(at, table),
            lambda table: in_mariadb(mariadb, mariadb_database, table),
        ):
            rows = {table: look(table)[-1] for table in ("purchase_order", "purchase_order_line")}
            assert len(look("purchase_order")) == len(look("purchase_order_line")) == 2
            for path, text in texts.items():
                if (place := column(path)) is not None:
                    assert rows[place[0]][place[1]] == text, path
        assert in_postgresql(at, "purchase_order")[0] == kept[0]
        in_tryton(erp, texts)

        # found again by what it says, too
        at.drop(data, "again.edi")
        assert at.run().problems == []
        assert len(in_postgresql(at, "purchase_order")) == 2
        assert {row["state"] for row in at.documents()} <= {"loaded", "duplicate"}


def in_tryton(erp: Endpoints, texts: Mapping[str, str]) -> None:
    """One confirmed purchase, of the supplier and the item that the order names, to the letter."""
    with erp_support.session(erp) as people:
        [purchase] = erp_support.purchases(people, texts["number"])
        assert purchase["state"] in erp_support.ORDERED
        [party] = people.read("party.party", [["id", "=", purchase["party"]]], ["code", "name"])
        assert (party["code"], party["name"]) == (texts["supplier.code"], texts["supplier.name"])
        [line] = people.read(
            "purchase.line", [["purchase", "=", purchase["id"]]], ["product.code", "product.template.name"]
        )
        assert line["product."]["code"] == texts["lines.item.buyer_code"]
        assert line["product."]["template."]["name"] == texts["lines.item.name"]
        assert texts["note"] in purchase["comment"]
