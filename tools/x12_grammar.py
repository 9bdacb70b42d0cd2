"""Make the grammar tables in schemas/x12/ from a folder of release facts.

    python tools/x12_grammar.py FOLDER [--out schemas/x12]

FOLDER holds one JSON file per release (``004010.json``: ``sets``, ``segments``, ``codes``, ``syntax_notes``). The tables
written are the project's own: the notation of ``tools/edifact_grammar.py``, short English names of our own, the position
of each segment's default qualifier, its qualifier-and-value pairs, and the rules between its elements. The project needs
only the tables; the folder is needed to make them again.

Notation: a token is ``NAME``, ``!`` when mandatory, ``*N`` when it may occur up to N times, ``*`` alone when there is no
limit; a loop has its parts in parentheses: ``ST! BEG! REF* N1Loop1*200(N1! N2*2)``. An element's type is X12's own:
``AN 1/30``, ``R 1/15``, ``N2 1/15`` (two implied decimals), ``DT 8/8``. Rules: ``P0304`` all or none, ``R0203`` at least
one, ``E0204`` at most one, ``C0302`` if the first then all others, ``L030405`` if the first then one of the others.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from edifact_grammar import write

SET_NAMES = {
    "810": "Invoice", "820": "Payment order and remittance advice", "824": "Application advice",
    "830": "Delivery schedule with forecast", "832": "Price list or catalogue", "840": "Request for quotation",
    "843": "Quotation", "846": "Stock report", "850": "Purchase order", "852": "Product activity",
    "855": "Answer to a purchase order", "856": "Despatch advice", "860": "Change of a purchase order by the buyer",
    "861": "Receiving advice", "862": "Shipping schedule", "864": "Text message",
    "865": "Change of a purchase order by the seller, or answer to one", "867": "Product transfer and resale",
    "870": "Order status", "940": "Warehouse shipping order", "943": "Warehouse stock transfer, shipment",
    "944": "Warehouse stock transfer, receipt", "945": "Warehouse shipping advice",
    "997": "Functional acknowledgement", "999": "Implementation acknowledgement",
}  # fmt: skip

SEGMENT_NAMES = {
    "ACK": "What becomes of a line", "ADV": "Advertising", "AK1": "Answer to a group", "AK2": "Answer to a transaction set",
    "AK3": "Segment in error", "AK4": "Data element in error", "AK5": "Outcome of a transaction set",
    "AK9": "Outcome of a group", "AMT": "Amount of money", "BAK": "Beginning of an answer to an order",
    "BCH": "Beginning of an order change", "BEG": "Beginning of a purchase order", "BIG": "Beginning of an invoice",
    "BPR": "Beginning of a payment", "BSN": "Beginning of a despatch advice", "CB1": "Contract and cost",
    "CN1": "Contract", "CSH": "Conditions of the sale", "CTB": "Restriction or condition", "CTP": "Price",
    "CTT": "Control totals", "CTX": "Context of an error", "CUR": "Currency", "DIS": "Discount", "DTM": "Date or time",
    "DTP": "Date or period", "EFI": "Link to an external file", "FA1": "Kind of accounting data", "FA2": "Accounting data",
    "FOB": "Terms of delivery", "FST": "Forecast", "G61": "Contact", "G62": "Date or time", "GE": "Group trailer",
    "GS": "Group header", "HL": "Hierarchy", "IEA": "Interchange trailer", "IK3": "Segment in error",
    "IK4": "Data element in error", "IK5": "Outcome of a transaction set", "IN2": "Parts of a person's name",
    "INC": "Instalments", "ISA": "Interchange header", "IT1": "Line of an invoice", "IT3": "State of the shipment of a line",
    "IT8": "Conditions of the sale of a line", "ITD": "Terms of payment", "LDT": "Lead time", "LE": "End of a bounded loop",
    "LIN": "Identification of an item", "LM": "Source of codes", "LQ": "Industry code", "LS": "Begin of a bounded loop",
    "MAN": "Marks and numbers", "MEA": "Measurement", "MSG": "Free text", "MTX": "Text", "N1": "Party",
    "N2": "Further names", "N3": "Street address", "N4": "Town, postal code, country", "N9": "Reference with text",
    "NM1": "Person or organisation", "NTE": "Note", "NX2": "Parts of an address", "PAM": "Amounts over a period",
    "PCT": "Percentage", "PER": "Contact person", "PID": "Description of an item", "PKG": "Marking, packaging, loading",
    "PO1": "Line of an order", "PO3": "Further details of a line", "PO4": "Packing of an item", "POC": "Changed line",
    "PRF": "Reference to an order", "PWK": "Paperwork", "QTY": "Quantity", "REF": "Reference",
    "SAC": "Service, allowance or charge", "SCH": "Delivery schedule of a line", "SDQ": "Quantities by destination",
    "SE": "Transaction set trailer", "SI": "Service characteristics", "SLN": "Subline", "SN1": "Shipped item",
    "SPI": "Project or specification", "ST": "Transaction set header", "TAX": "Tax reference", "TC2": "Commodity",
    "TD1": "Quantity and weight shipped", "TD3": "Carrier's equipment", "TD4": "Special handling, hazardous goods",
    "TD5": "Carrier and route", "TDS": "Total of the invoice", "TED": "Error in the data", "TRN": "Trace", "TXI": "Tax",
    "XPO": "Range of order numbers", "YNQ": "Yes or no question",
}  # fmt: skip

ELEMENT_NAMES = {
    "2": "transaction sets accepted", "19": "town", "22": "commodity code", "26": "country", "28": "group control number",
    "54": "risk of loss", "61": "free-form quantity", "65": "height", "66": "kind of identification", "67": "identification",
    "76": "invoice number", "79": "what is loaded", "80": "number of packages", "81": "weight", "82": "length",
    "87": "marks or number", "88": "kind of marks", "91": "way of transport", "92": "kind of order", "93": "name",
    "96": "number of segments", "97": "transaction sets counted", "98": "role of the party", "100": "currency",
    "103": "kind of packaging", "107": "way of payment", "116": "postal code", "118": "rate", "123": "transaction sets received",
    "124": "receiver's code", "127": "reference", "128": "kind of reference", "133": "place in the route",
    "142": "sender's code", "143": "transaction set", "146": "who pays transport", "156": "state or province",
    "166": "address line", "183": "volume", "187": "weight qualifier", "189": "width", "212": "unit price",
    "234": "product or service number", "235": "kind of product number", "236": "kind of price", "248": "allowance or charge",
    "280": "exchange rate", "284": "service level", "289": "multiplier of a price", "306": "kind of action",
    "309": "kind of place", "310": "place", "324": "purchase order number", "325": "tax identification number",
    "326": "request reference", "327": "change order number", "328": "release number", "329": "control number",
    "330": "quantity ordered", "331": "way of allowance or charge", "332": "percentage", "333": "where terms begin",
    "334": "kind of terms of transport", "335": "terms of transport", "336": "kind of terms", "337": "time",
    "338": "discount percentage", "342": "percentage of the invoice", "347": "hash total", "349": "kind of description",
    "350": "line number", "351": "days of the discount", "352": "description", "353": "purpose of the set",
    "354": "number of lines", "355": "unit of measure", "356": "pack", "357": "size", "358": "quantity invoiced",
    "362": "amount of the discount", "363": "kind of note", "364": "contact's number or address",
    "365": "kind of contact number", "366": "contact's function", "367": "contract number", "368": "state of the order",
    "369": "free-form text", "370": "due date of the discount", "371": "reason for a change", "373": "date",
    "374": "kind of date", "378": "percentage basis", "380": "quantity", "382": "units shipped", "384": "gross weight",
    "385": "gross volume", "386": "net days", "387": "route", "388": "deferred due date", "389": "deferred amount",
    "396": "shipment number", "441": "tax exemption", "443": "contact's further reference", "446": "net due date",
    "447": "loop", "455": "agency", "478": "credit or debit", "479": "kind of group", "480": "version",
    "499": "condition value", "522": "kind of amount", "559": "agency of the code", "587": "acknowledgement wanted",
    "610": "amount", "618": "implementation error", "620": "segment's error", "621": "element's error",
    "623": "time zone", "628": "hierarchy number", "639": "basis of the unit price", "640": "kind of transaction",
    "641": "state of the goods", "646": "units shipped to date", "648": "kind of multiplier", "649": "multiplier",
    "662": "relation of the subline", "668": "state of the line", "669": "market of exchange", "670": "kind of change",
    "671": "quantity left", "673": "kind of quantity", "687": "class of trade", "706": "relation of the parties",
    "715": "outcome of the group", "716": "group's error", "717": "outcome of the set", "718": "set's error",
    "719": "place in the set", "720": "segment's error", "721": "segment", "723": "element's error",
    "724": "copy of the element", "725": "element", "728": "line item state", "731": "transit time unit",
    "732": "transit time", "733": "service", "734": "parent in the hierarchy", "735": "hierarchy level",
    "736": "has children", "737": "kind of measurement", "738": "what is measured", "739": "measurement",
    "740": "from", "741": "to", "750": "what is described", "751": "description code", "752": "surface, layer or position",
    "753": "surface", "765": "day of the month", "770": "option", "782": "amount", "786": "security level",
    "810": "inner pack", "819": "language", "822": "source of the code", "933": "text", "934": "printer control",
    "935": "significance of the measurement", "936": "measurement attribute", "954": "percentage as a decimal",
    "1005": "hierarchy structure", "1018": "exponent", "1019": "kind of invoice", "1073": "yes or no",
    "1166": "kind of contract", "1179": "place of jurisdiction", "1232": "purchase category", "1250": "format of a date",
    "1251": "date or period", "1270": "kind of code list", "1271": "code of an industry",
    "1300": "service, allowance or charge", "1301": "agency's service code", "1551": "text", "1705": "convention",
    "1715": "country subdivision",
}  # fmt: skip

#: The position of the element that says which one of several segments this is.
QUALIFIERS = {
    "ACK": 1, "AMT": 1, "CTP": 2, "CUR": 1, "DTM": 1, "DTP": 1, "ENT": 2, "FOB": 1, "G61": 1, "G62": 1, "HL": 3, "LDT": 1,
    "LM": 1, "LQ": 1, "LS": 1, "LE": 1, "MAN": 1, "MEA": 2, "MTX": 1, "N1": 1, "N9": 1, "NM1": 1, "NTE": 1, "NX2": 1,
    "PAM": 1, "PCT": 1, "PER": 1, "PID": 1, "PKG": 1, "PO3": 1, "PWK": 1, "QTY": 1, "REF": 1, "SAC": 1, "SDQ": 2, "SI": 1,
    "SLN": 3, "TAX": 2, "TC2": 1, "TD3": 1, "TD4": 1, "TRN": 1, "TXI": 1, "YNQ": 1, "W05": 1, "W76": 1, "G69": 1,
}  # fmt: skip

#: Qualifier and value that stand side by side, several times in one segment: ``PO1{UP}``, ``PER[BD]{TE}``.
PAIRS = (("235", "234"), ("365", "364"), ("88", "87"))

#: Implied decimals of numeric elements; the facts give only N. Those not listed here have none.
DECIMALS = {"360": 2, "362": 2, "389": 2, "610": 2, "657": 2}

#: The segments around transaction sets (X12.5, X12.6), which the facts do not have. ISA is checked by its fixed lengths.
SERVICE = {
    "segments": {
        "GS": {"name": SEGMENT_NAMES["GS"], "parts": "479! 142! 124! 373! 337! 28! 455! 480!"},
        "GE": {"name": SEGMENT_NAMES["GE"], "parts": "97! 28!"},
        "IEA": {"name": SEGMENT_NAMES["IEA"], "parts": "I16! I12!"},
    },
    "elements": {
        "28": "N0 1/9", "97": "N0 1/6", "124": "AN 2/15", "142": "AN 2/15", "337": "TM 4/8", "373": "DT 6/8",
        "455": "ID 1/2", "479": "ID 2/2", "480": "AN 1/12", "I12": "N0 9/9", "I16": "N0 1/5",
    },
}  # fmt: skip


def token(name: str, status: str, repeats: int) -> str:
    often = "" if repeats == 1 else "*" if repeats < 0 else f"*{repeats}"
    return name + ("!" if status == "M" else "") + often


def structure(parts: list[list[Any]]) -> str:
    out = []
    for part in parts:
        text = token(part[0], part[1], part[2])
        out.append(f"{text}({structure(part[3])})" if len(part) > 3 else text)
    return " ".join(out)


def value_type(
    number: str, kind: str, least: int | None, most: int | None, codes: dict[str, list[str]]
) -> str:
    if least is None or most is None:  # the lengths of a coded element are those of its codes
        lengths = [len(code) for code in codes[number]]
        least, most = min(lengths), max(lengths)
    if kind == "N":
        kind = f"N{DECIMALS.get(number, 0)}"
    return f"{kind} {max(least, 1)}/{most}"


def rules(notes: list[str], size: int) -> list[str]:
    """The rules that speak only of elements that the segment has in this release."""
    kept = []
    for note in notes:
        positions = [int(n) for n in re.findall("[0-9]{2}", note[1:])]
        if len(positions) > 1 and max(positions) <= size and note not in kept:
            kept.append(note)
    return kept


def table(facts: dict[str, Any]) -> dict[str, Any]:
    codes: dict[str, list[str]] = facts["codes"]
    composites: dict[str, Any] = {}
    types: dict[str, str] = {}
    segments: dict[str, Any] = {}

    def element(number: str, kind: str, least: int | None, most: int | None) -> None:
        text = value_type(number, kind, least, most, codes)
        # ST01 names a transaction set as text, other places as a code; both are three characters
        if types.setdefault(number, text) != text and number != "143":
            raise SystemExit(f"{number} is {types[number]} and {text}")

    for tag, parts in sorted(facts["segments"].items()):
        tokens = []
        for part in parts:
            tokens.append(token(part[0], part[1], 1))
            if isinstance(part[2], list):
                entry = {"parts": " ".join(token(c[0], c[1], 1) for c in part[2])}
                if composites.setdefault(part[0], entry) != entry:
                    raise SystemExit(f"{part[0]} differs between segments")
                for component in part[2]:
                    element(component[0], *component[2:])
            else:
                element(part[0], *part[2:])
        entry = {"name": SEGMENT_NAMES.get(tag, tag), "parts": " ".join(tokens)}
        if QUALIFIERS.get(tag, 99) <= len(parts):
            entry["qualifier"] = f"{QUALIFIERS[tag]:02d}"
        numbers = [part[0] for part in parts]
        for first, second in PAIRS:
            if any(numbers[at : at + 2] == [first, second] for at in range(len(numbers))):
                entry["pairs"] = f"{first}/{second}"
        kept = rules(facts["syntax_notes"].get(tag, []), len(parts))
        if kept:
            entry["notes"] = " ".join(kept)
        segments[tag] = entry
    return {
        "release": facts["version"],
        "messages": {
            name: {"name": SET_NAMES.get(name, name), "structure": structure(parts)}
            for name, parts in sorted(facts["sets"].items())
        },
        "segments": segments,
        "composites": dict(sorted(composites.items())),
        "elements": {number: named(number, kind) for number, kind in sorted(types.items())},
        "codes": {
            number: " ".join(values)
            for number, values in sorted(codes.items())
            if number in types and number != "143"
        },
    }


def named(number: str, kind: str) -> dict[str, str]:
    return {"type": kind, **({"name": ELEMENT_NAMES[number]} if number in ELEMENT_NAMES else {})}


def service() -> dict[str, Any]:
    elements: dict[str, str] = SERVICE["elements"]  # type: ignore[assignment]
    return {
        "release": "service",
        "messages": {},
        "segments": SERVICE["segments"],
        "composites": {},
        "elements": {number: named(number, kind) for number, kind in elements.items()},
        "codes": {},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "schemas" / "x12")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for source in sorted(args.folder.glob("[0-9]*.json")):
        facts = json.loads(source.read_text("utf-8"))
        write(args.out / f"{facts['version']}.json", table(facts))
    write(args.out / "service.json", service())


if __name__ == "__main__":
    main()
