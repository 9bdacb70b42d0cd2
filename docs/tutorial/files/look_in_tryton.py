"""Ask the ERP itself for a purchase: python docs/tutorial/files/look_in_tryton.py KM-7001"""

import sys

from orderhub.services import endpoints
from orderhub.services.tryton.rpc import Session

hub = endpoints.load()
with Session(hub.erp_url, hub.erp_database, hub.erp_user, hub.erp_password) as erp:
    fields = ["number", "state", "party.rec_name", "untaxed_amount"]
    for purchase in erp.read("purchase.purchase", [["reference", "=", sys.argv[1]]], fields):
        print(f"purchase {purchase['number']} from {purchase['party.']['rec_name']}, {purchase['state']}")
        lines = [["purchase", "=", purchase["id"]]]
        for line in erp.read(
            "purchase.line", lines, ["quantity", "unit.symbol", "product.rec_name", "unit_price"]
        ):
            product = line["product."]["rec_name"]
            print(f"  {line['quantity']:g} {line['unit.']['symbol']} {product} at {line['unit_price']}")
        print(f"  {purchase['untaxed_amount']} in all")
