"""Make the grammar tables in schemas/edifact/ from a folder of directory facts.

    python tools/edifact_grammar.py FOLDER [--out schemas/edifact]

FOLDER holds one JSON file per directory (``D96A.json``: ``messages``, ``segments``, ``codes``, ``names``) and
``service.json`` (``V3`` and ``V4``: ``segments``, ``messages``). The tables written are the project's own: a compact
notation that people can read and compare, short English names of our own, and the default qualifier of each segment
and composite. The project needs only the tables; the folder is needed to make them again.

Notation: a token is ``NAME``, ``!`` when mandatory, ``*N`` when it may occur up to N times; a group has its parts in
parentheses: ``UNH! BGM! DTM!*35 SG1*10(RFF! DTM*5)``; the elements of a segment and the components of a composite
are written the same way (``3035! C082 3164``), a repeated element once for each.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

#: Segments in our own words.
SEGMENT_NAMES = {
    "AJT": "Reason for an adjustment", "ALC": "Allowance or charge", "ALI": "Origin and special conditions",
    "APR": "Price multiplier or trade class", "BGM": "Document type, number and function",
    "CAV": "Value of a characteristic", "CCI": "Class or characteristic", "CDI": "Physical or logical state",
    "CED": "Computer environment", "CNT": "Control total", "COD": "Component and material",
    "COM": "Telephone, e-mail or other address", "CPS": "Packing level of the consignment",
    "CTA": "Contact person or department", "CUX": "Currencies and rate", "DGS": "Dangerous goods",
    "DLM": "Delivery limits", "DOC": "Document required or referred to", "DTM": "Date, time or period",
    "EFI": "Link to an external file", "EQA": "Equipment attached", "EQD": "Equipment", "ERC": "Application error",
    "FII": "Bank and account", "FTX": "Free text", "GEI": "Processing information", "GIN": "Identity numbers",
    "GIR": "Related identity numbers", "GIS": "General indicator", "HAN": "Handling instructions",
    "HYN": "Hierarchy", "IDE": "Identity of an object", "IMD": "Description of the item", "INP": "Instruction to a party",
    "INV": "Stock movement", "IRQ": "Information wanted", "LIN": "Line item", "LOC": "Place", "MEA": "Measurement",
    "MKS": "Market or sales channel", "MOA": "Amount of money", "MTD": "Maintenance operation",
    "NAD": "Party with name and address", "PAC": "Packages", "PAI": "Way of payment", "PAT": "Terms of payment",
    "PCD": "Percentage", "PCI": "Marks on packages", "PGI": "Product group", "PIA": "Further product codes",
    "PRC": "Process", "PRI": "Price", "PTY": "Priority", "PYT": "Terms of payment", "QTY": "Quantity",
    "QVR": "Quantity difference", "RCS": "Requirements and conditions", "RFF": "Reference",
    "RJL": "Journal entry details", "RNG": "Range", "RTE": "Rate", "SCC": "Schedule", "SEL": "Seal",
    "SGP": "Goods split over equipment", "STG": "Stages", "STS": "Status", "TAX": "Tax", "TDT": "Transport",
    "TMD": "Transport movement", "TOD": "Terms of delivery", "TRU": "Technical rules", "TSR": "Transport service",
    "UCD": "Data element in error", "UCF": "Answer to a group", "UCI": "Answer to an interchange",
    "UCM": "Answer to a message", "UCS": "Segment in error", "UGH": "Opening of a section with repeats",
    "UGT": "End of a section with repeats", "UNB": "Interchange header", "UNE": "Group trailer", "UNG": "Group header",
    "UNH": "Message header", "UNS": "Section separator", "UNT": "Message trailer", "UNZ": "Interchange trailer",
}  # fmt: skip

MESSAGE_NAMES = {
    "APERAK": "Application error and answer", "CONTRL": "Syntax answer", "DELFOR": "Delivery schedule",
    "DESADV": "Despatch advice", "INVOIC": "Invoice", "INVRPT": "Stock report", "ORDCHG": "Change of a purchase order",
    "ORDERS": "Purchase order", "ORDRSP": "Answer to a purchase order", "PARTIN": "Party data",
    "PRICAT": "Price list or catalogue", "QUOTES": "Quotation", "RECADV": "Receiving advice",
    "REQOTE": "Request for quotation", "SLSFCT": "Sales forecast", "SLSRPT": "Sales report",
}  # fmt: skip

#: The element that says which one of several segments this is. Composites have their own, below; a segment whose
#: qualifier stands in a composite inherits it from there. Only where the first coded element really qualifies.
SEGMENT_QUALIFIERS = {
    "AJT": "4465", "ALC": "5463", "ALI": "3239", "CCI": "7059", "CED": "1501", "CTA": "3139", "DGS": "8273",
    "EQA": "8053", "EQD": "8053", "FII": "3035", "FTX": "4451", "GEI": "9649", "GIN": "7405", "GIR": "7297",
    "HYN": "7173", "IDE": "7495", "IMD": "7077", "LOC": "3227", "MEA": "6311", "MKS": "7293", "NAD": "3035",
    "PAT": "4279", "PGI": "5379", "PIA": "4347", "PTY": "4035", "PYT": "4279", "RCS": "7293", "RNG": "6167",
    "SCC": "4017", "STG": "9421", "TAX": "5283", "TDT": "8051", "TOD": "4055", "CDI": "7001", "INV": "4501",
    "UNS": "0081",
}  # fmt: skip
COMPOSITE_QUALIFIERS = {
    "C002": "1001", "C128": "5419", "C186": "6063", "C212": "7143", "C270": "6069", "C279": "6063", "C501": "5245",
    "C504": "6347", "C506": "1153", "C507": "2005", "C509": "5125", "C516": "5025", "C552": "5189", "C076": "3155",
    "C206": "7405", "C333": "4511", "C502": "6313", "C553": "3233", "C241": "5153", "C901": "9321", "C960": "4295",
    "C214": "7161", "C829": "5495", "C503": "1373", "C585": "4037",
}  # fmt: skip
#: Segments whose qualifier is the one of a composite in them.
QUALIFIED_BY_COMPOSITE = {
    "BGM": "C002", "CNT": "C270", "COM": "C076", "CUX": "C504", "DOC": "C002", "DTM": "C507", "ERC": "C901",
    "LIN": "C212", "MOA": "C516", "PCD": "C501", "PRI": "C509", "QTY": "C186", "QVR": "C279", "RFF": "C506",
    "RTE": "C128", "IRQ": "C333",
}  # fmt: skip

#: Composites that the collected facts of a directory have without some of their components. They are taken from the
#: neighbouring directories in which they are the same.
REPAIRS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "D97A": (
        (
            "D96A",
            (
                "C078",
                "C082",
                "C206",
                "C222",
                "C237",
                "C273",
                "C329",
                "C503",
                "C504",
                "C509",
                "C516",
                "C829",
                "C850",
            ),
        ),
    ),
    "D01B": (("D10A", ("C819",)), ("D96A", ("C829",))),
    "D10A": (("D96A", ("C829",)),),
    "D16B": (("D96A", ("C829",)),),
}


def repair(facts: dict[str, Any], good: dict[str, Any], composites: tuple[str, ...]) -> None:
    """Put the whole composites in the place of the incomplete ones."""
    whole = {
        part[0]: part[2] for parts in good["segments"].values() for part in parts if isinstance(part[2], list)
    }
    own = [part for parts in facts["segments"].values() for part in parts]
    own += [inner for part in own if isinstance(part[2], list) for inner in part[2]]
    types = {part[0]: part[2] for part in own if not isinstance(part[2], list)}
    for parts in facts["segments"].values():
        for part in parts:
            if part[0] in composites:
                part[2] = [[c[0], c[1], types.get(c[0], c[2])] for c in whole[part[0]]]
                for component in part[2]:
                    for kind in ("codes", "names"):
                        if component[0] in good[kind]:
                            facts[kind].setdefault(component[0], good[kind][component[0]])


def element_name(raw: str) -> str:
    """``documentmessageNameCoded`` → ``document message name coded``."""
    text = (
        raw.replace(",", " ")
        .replace("documentmessage", "documentMessage")
        .replace("Ornotification", "OrNotification")
    )
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).lower()
    return re.sub(r"\s+", " ", words).strip()


def token(name: str, status: str, repeats: int) -> str:
    return name + ("!" if status == "M" else "") + (f"*{repeats}" if repeats != 1 else "")


def structure(parts: list[list[Any]]) -> str:
    out = []
    for part in parts:
        text = token(part[0], part[1], part[2])
        out.append(f"{text}({structure(part[3])})" if len(part) > 3 else text)
    return " ".join(out)


def collect(segments: dict[str, list[list[Any]]]) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """Segments, composites and elements, each once."""
    own: dict[str, Any] = {}
    composites: dict[str, Any] = {}
    elements: dict[str, str] = {}
    for tag, parts in sorted(segments.items()):
        tokens = []
        for name, status, detail in parts:
            tokens.append(token(name, status, 1))
            if isinstance(detail, list):
                entry: dict[str, str] = {"parts": " ".join(token(c[0], c[1], 1) for c in detail)}
                present = {c[0] for c in detail}
                if COMPOSITE_QUALIFIERS.get(name) in present:
                    entry["qualifier"] = COMPOSITE_QUALIFIERS[name]
                if composites.setdefault(name, entry) != entry:
                    raise SystemExit(f"{name} differs between segments")
                for component in detail:
                    if elements.setdefault(component[0], component[2]) != component[2]:
                        raise SystemExit(f"{component[0]} differs between composites")
            elif elements.setdefault(name, detail) != detail:
                raise SystemExit(f"{name} differs between segments")
        segment: dict[str, str] = {"name": SEGMENT_NAMES.get(tag, tag), "parts": " ".join(tokens)}
        names = {part[0] for part in parts}
        if SEGMENT_QUALIFIERS.get(tag) in names:
            segment["qualifier"] = SEGMENT_QUALIFIERS[tag]
        elif QUALIFIED_BY_COMPOSITE.get(tag) in names:
            segment["qualifier"] = (
                f"{QUALIFIED_BY_COMPOSITE[tag]}/{COMPOSITE_QUALIFIERS[QUALIFIED_BY_COMPOSITE[tag]]}"
            )
        own[tag] = segment
    return own, dict(sorted(composites.items())), dict(sorted(elements.items()))


def table(facts: dict[str, Any], directory: str) -> dict[str, Any]:
    segments, composites, elements = collect(facts["segments"])
    names = facts.get("names", {})
    codes = facts.get("codes", {})
    return {
        "directory": directory,
        "messages": {
            name: {"name": MESSAGE_NAMES.get(name, name), "structure": structure(parts)}
            for name, parts in sorted(facts["messages"].items())
        },
        "segments": segments,
        "composites": composites,
        "elements": {
            number: {"type": kind, **({"name": element_name(names[number])} if number in names else {})}
            for number, kind in elements.items()
        },
        "codes": {number: " ".join(values) for number, values in sorted(codes.items()) if number in elements},
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """One entry a line, so that a difference between two versions can be read."""
    lines = ["{"]
    last = list(content)[-1]
    for key, value in content.items():
        comma = "" if key == last else ","
        if isinstance(value, dict):
            rows = [f"    {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items()]
            lines.append(f"  {json.dumps(key)}: {{\n" + ",\n".join(rows) + f"\n  }}{comma}")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value)}{comma}")
    path.write_text("\n".join([*lines, "}"]) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parents[1] / "schemas" / "edifact"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for source in sorted(args.folder.glob("D[0-9][0-9][AB].json")):
        directory = f"{source.stem[0]}.{source.stem[1:]}"
        facts = json.loads(source.read_text("utf-8"))
        for neighbour, composites in REPAIRS.get(source.stem, ()):
            repair(facts, json.loads((args.folder / f"{neighbour}.json").read_text("utf-8")), composites)
        write(args.out / f"{directory}.json", table(facts, directory))
    service = json.loads((args.folder / "service.json").read_text("utf-8"))
    for version, facts in service.items():
        write(args.out / f"service_{version.lower()}.json", table(facts, f"service {version}"))


if __name__ == "__main__":
    main()
