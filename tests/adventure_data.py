"""The tables of a purchasing database as CSV files, in AdventureWorks' shape: invented, and small or from a folder."""

from __future__ import annotations

import csv
import datetime as dt
import os
import random
from decimal import Decimal
from pathlib import Path

from hub_harness import PROJECT

#: Which files each flow takes.
FILES = {
    "adventureworks_orders": (
        "PurchaseOrderHeader.csv",
        "PurchaseOrderDetail.csv",
        "Vendor.csv",
        "Product.csv",
        "ProductVendor.csv",
        "ShipMethod.csv",
    ),
    "adventureworks_suppliers": ("Vendor.csv",),
    "adventureworks_items": ("Product.csv",),
    "adventureworks_stock": ("ProductInventory.csv", "Product.csv", "Location.csv"),
    "adventureworks_supplier_items": ("ProductVendor.csv", "Product.csv", "Vendor.csv"),
    "adventureworks_receipts": (
        "PurchaseOrderHeader.csv",
        "PurchaseOrderDetail.csv",
        "Vendor.csv",
        "Product.csv",
        "ProductVendor.csv",
    ),
}

_PRODUCT = (
    "ProductID,Name,ProductNumber,MakeFlag,FinishedGoodsFlag,Color,SafetyStockLevel,ReorderPoint,StandardCost,ListPrice,"
    "Size,SizeUnitMeasureCode,WeightUnitMeasureCode,Weight,DaysToManufacture,ProductLine,Class,Style,ProductSubcategoryID,"
    "ProductModelID,SellStartDate,SellEndDate,DiscontinuedDate,rowguid,ModifiedDate"
)


def real_folder() -> Path | None:
    """Where the real files are, when they are there: ``$ORDERHUB_DATA/adventureworks``, or beside the project."""
    given = os.environ.get("ORDERHUB_DATA")
    folder = (Path(given) if given else PROJECT.parent / "shared" / "data") / "adventureworks"
    return folder if (folder / "PurchaseOrderHeader.csv").is_file() else None


def rows(path: Path) -> list[dict[str, str]]:
    """A file's rows by column."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def write(path: Path, header: str, found: list[list[object]]) -> None:
    """A file as the database's export writes it; ``header`` with its commas."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"{header}\r\n")
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerows(found)


def generate(
    folder: Path, *, orders: int = 30, vendors: int = 5, products: int = 12, seed: int = 7
) -> Decimal:
    """Invented tables; returns the sum of the line totals."""
    dice = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    moment = "2026-02-03 00:00:00.000"
    write(
        folder / "Vendor.csv",
        "BusinessEntityID,AccountNumber,Name,CreditRating,PreferredVendorStatus,ActiveFlag,PurchasingWebServiceURL,"
        "ModifiedDate",
        [
            [2000 + 2 * n, f"INVENTED{n:04}", f"Velo {n}, Inc.", 1, n % 2, int(n != 1), "", moment]
            for n in range(vendors)
        ],
    )
    write(
        folder / "Product.csv",
        _PRODUCT,
        [
            [
                *(n, f"Part {n}", f"VX-{n:04}", 0, 0, "", 100, 75, ".0000", ".0000" if n % 2 else "19.9900"),
                *(
                    "",
                    "",
                    "",
                    "",
                    0,
                    "",
                    "",
                    "",
                    "",
                    "",
                    moment,
                    "" if n % 5 else moment,
                    "",
                    f"guid-{n}",
                    moment,
                ),
            ]
            for n in range(1, products + 1)
        ],
    )
    write(
        folder / "ProductVendor.csv",
        "ProductID,BusinessEntityID,AverageLeadTime,StandardPrice,LastReceiptCost,LastReceiptDate,MinOrderQty,MaxOrderQty,"
        "OnOrderQty,UnitMeasureCode,ModifiedDate",
        [
            [
                *(n, 2000 + 2 * vendor, 7 + vendor, f"{n}.2500", "1.0000", moment, 1, 100 + n, ""),
                *(("EA ", "CS ", "DZ ")[n % 3], moment),
            ]
            for n in range(1, products + 1)
            for vendor in range(vendors)
        ],
    )
    write(folder / "ShipMethod.csv", "ShipMethodID,Name", [[1, "BICYCLE - SLOW"], [2, "CARGO BIKE 2"]])
    write(folder / "Location.csv", "LocationID,Name", [[1, "Tool Shed"], [7, "Loft"]])
    write(
        folder / "ProductInventory.csv",
        "ProductID,LocationID,Shelf,Bin,Quantity,rowguid,ModifiedDate",
        [
            [n, place, "A", n % 10, dice.randint(0, 500), f"guid-{n}-{place}", moment]
            for n in range(1, products + 1)
            for place in (1, 7)
        ],
    )
    heads: list[list[object]] = []
    details: list[list[object]] = []
    total = Decimal(0)
    for number in range(1, orders + 1):
        day = dt.date(2026, 1, 5) + dt.timedelta(days=number % 60)
        subtotal = Decimal(0)
        for _ in range(dice.randint(1, 4)):
            quantity, price = dice.randint(1, 900), Decimal(dice.randint(10_000, 900_000)).scaleb(-4)
            amount = quantity * price
            subtotal += amount
            details.append(
                [
                    *(number, len(details) + 1, f"{day + dt.timedelta(days=14)} 00:00:00.000", quantity),
                    *(
                        dice.randint(1, products),
                        price,
                        amount,
                        f"{quantity}.00",
                        ".00",
                        f"{quantity}.00",
                        moment,
                    ),
                ]
            )
        total += subtotal
        heads.append(
            [
                *(number, number % 5, 4, 250, 2000 + 2 * dice.randrange(vendors), 1 + number % 2),
                *(
                    f"{day} 00:00:00.000",
                    f"{day + dt.timedelta(days=9)} 00:00:00.000",
                    subtotal,
                    "1.0000",
                    "2.0000",
                    subtotal + 3,
                    moment,
                ),
            ]
        )
    write(
        folder / "PurchaseOrderHeader.csv",
        "PurchaseOrderID,RevisionNumber,Status,EmployeeID,VendorID,ShipMethodID,OrderDate,ShipDate,SubTotal,TaxAmt,"
        "Freight,TotalDue,ModifiedDate",
        heads,
    )
    write(
        folder / "PurchaseOrderDetail.csv",
        "PurchaseOrderID,PurchaseOrderDetailID,DueDate,OrderQty,ProductID,UnitPrice,LineTotal,ReceivedQty,RejectedQty,"
        "StockedQty,ModifiedDate",
        details,
    )
    return total
