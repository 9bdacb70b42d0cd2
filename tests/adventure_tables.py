"""AdventureWorks' tables, or invented ones in their shape, put into a database."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from adventure_data import rows

_MONEY = sa.Numeric(19, 4)
_TYPES: dict[str, dict[str, Any]] = {
    "PurchaseOrderHeader": {
        "PurchaseOrderID": sa.Integer,
        "RevisionNumber": sa.SmallInteger,
        "VendorID": sa.Integer,
        "ShipMethodID": sa.Integer,
        "OrderDate": sa.DateTime,
        "SubTotal": _MONEY,
        "TaxAmt": _MONEY,
        "ModifiedDate": sa.DateTime,
    },
    "PurchaseOrderDetail": {
        "PurchaseOrderDetailID": sa.Integer,
        "PurchaseOrderID": sa.Integer,
        "DueDate": sa.DateTime,
        "OrderQty": sa.SmallInteger,
        "ProductID": sa.Integer,
        "UnitPrice": _MONEY,
        "LineTotal": _MONEY,
        "ModifiedDate": sa.DateTime,
    },
    "Vendor": {"BusinessEntityID": sa.Integer, "AccountNumber": sa.String(15), "Name": sa.String(50)},
    "ShipMethod": {"ShipMethodID": sa.Integer, "Name": sa.String(50)},
    "Product": {"ProductID": sa.Integer, "Name": sa.String(50), "ProductNumber": sa.String(25)},
    "ProductVendor": {
        "ProductID": sa.Integer,
        "BusinessEntityID": sa.Integer,
        "UnitMeasureCode": sa.CHAR(3),
    },
}
_KEYS = {"ProductVendor": 2}


def put(folder: Path, engine: sa.Engine) -> None:
    """Make the tables and fill them from the CSV files of a folder."""
    metadata = sa.MetaData()
    for name, types in _TYPES.items():
        sa.Table(
            name,
            metadata,
            *(
                sa.Column(
                    column,
                    kind,
                    primary_key=number < _KEYS.get(name, 1),
                    autoincrement=False,
                    index=column == "PurchaseOrderID",
                )
                for number, (column, kind) in enumerate(types.items())
            ),
        )
    metadata.drop_all(engine)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            found = rows(folder / f"{table.name}.csv")
            connection.execute(
                table.insert(),
                [{column.name: _value(row[column.name], column.type) for column in table.c} for row in found],
            )


def _value(text: str, kind: sa.types.TypeEngine[Any]) -> Any:
    if isinstance(kind, sa.Integer):
        return int(text)
    if isinstance(kind, sa.Numeric):
        return Decimal(text)
    return dt.datetime.fromisoformat(text) if isinstance(kind, sa.DateTime) else text
