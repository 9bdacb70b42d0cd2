"""Why things are kept back, in plain words; and which reasons are one per value.

The texts are msgids of the pages' catalogs. docs/reference/errors.md explains every code at length.
"""

from __future__ import annotations


def N_(text: str) -> str:
    """Marks a text for the catalogs."""
    return text


#: An unclear outcome, while it is looked up.
IN_DOUBT = "EFFECT_IN_DOUBT"
WAITING = "WAITING_APPROVAL"
UNKNOWN_SENDER = "UNKNOWN_SENDER"
#: Kept back with nothing said about it.
NO_REASON = "KEPT_BACK"

#: One repair serves one value: an entry in a lookup table, an item in the ERP, an identifier in an agreement. Of the other
#: codes one repair (of a mapping, a rule, a file) serves all values.
BY_VALUE = frozenset(
    {
        "VALUE_LOOKUP",
        UNKNOWN_SENDER,
        IN_DOUBT,
        "TRYTON_SUPPLIER_UNKNOWN",
        "TRYTON_SUPPLIER_AMBIGUOUS",
        "TRYTON_SUPPLIER_ADDRESS",
        "TRYTON_ITEM_UNKNOWN",
        "TRYTON_ITEM_AMBIGUOUS",
        "TRYTON_ITEM_NOT_PURCHASABLE",
        "TRYTON_UNIT_UNKNOWN",
        "TRYTON_UNIT_MISMATCH",
        "TRYTON_CURRENCY_UNKNOWN",
        "PO_CURRENCY",
        "PO_LINE_UNIT",
        "IT_CURRENCY",
        "SU_CURRENCY",
    }
)

WORDS: dict[str, str] = {
    "VALUE_LOOKUP": N_("Unknown in the lookup table"),
    "VALUE_MISSING": N_("A mandatory value is missing"),
    "VALUE_NUMBER": N_("Not a number"),
    "VALUE_DATE": N_("Not a date"),
    "VALUE_CHECK_DIGIT": N_("Wrong check digit"),
    "VALUE_SEVERAL": N_("Several values where one is wanted"),
    "VALUE_FIELD": N_("The value does not fit the field"),
    "CHECK_FAILED": N_("A check of the mapping does not hold"),
    "DOCUMENT_SCHEMA": N_("Does not fit the canonical schema"),
    "PO_CURRENCY": N_("A currency that is not traded in"),
    "PO_LINE_UNIT": N_("A unit that is not traded in"),
    "PO_SUPPLIER": N_("The supplier is not named"),
    "PO_BUYER": N_("The buyer is not named"),
    "PO_TOTAL": N_("The total differs from the sum of the lines"),
    "PO_DELIVERY_BEFORE_ISSUE": N_("Delivery before the order's date"),
    "PO_LINE_DELIVERY_BEFORE_ISSUE": N_("Delivery before the order's date"),
    "PO_LINE_QUANTITY": N_("The quantity is not greater than zero"),
    "PO_LINE_PRICE": N_("A negative price"),
    "PO_LINE_AMOUNT": N_("The line amount differs from quantity times price"),
    "PO_LINE_ITEM": N_("The item is not named by any code"),
    "PO_LINE_NUMBER_REPEATED": N_("A line number occurs twice"),
    "INTERCHANGE_HELD": N_("Held back with another order of its file"),
    "LEDGER_IDENTITY_CONFLICT": N_("Other content under a number that is known"),
    "LEDGER_IDENTITY_UNUSABLE": N_("No usable number"),
    "TRANSLATE_FAILED": N_("The translation broke off"),
    "TRANSLATE_POISON": N_("The translation never ended"),
    "NO_MAPPING": N_("No mapping fits the message"),
    UNKNOWN_SENDER: N_("Unknown sender"),
    "LIMIT_BYTES": N_("Larger than agreed"),
    "LIMIT_DOCUMENTS": N_("More documents than agreed"),
    "SOURCE_UNUSABLE": N_("Not what it claims to be"),
    "SOURCE_EMPTY": N_("The file is empty"),
    "PULL_UNUSABLE": N_("Could not be read at its source"),
    "FORMAT_UNKNOWN": N_("Unknown format"),
    "TARGET_REJECTED": N_("Refused by a target"),
    "TARGET_GONE": N_("The flow has no such target any more"),
    "STALE_REVISION": N_("The target has a later revision"),
    "TRYTON_SUPPLIER_UNKNOWN": N_("The ERP does not know the supplier"),
    "TRYTON_ITEM_UNKNOWN": N_("The ERP does not know the item"),
    "TRYTON_ITEM_NOT_PURCHASABLE": N_("The ERP does not buy the item"),
    "TRYTON_UNIT_UNKNOWN": N_("The ERP does not know the unit"),
    "TRYTON_UNIT_MISMATCH": N_("The unit does not fit the item"),
    "TRYTON_CURRENCY_UNKNOWN": N_("The ERP does not know the currency"),
    "TRYTON_SUPPLIER_AMBIGUOUS": N_("Several suppliers of the ERP fit"),
    "TRYTON_ITEM_AMBIGUOUS": N_("Several items of the ERP fit"),
    "TRYTON_QUANTITY": N_("The quantity is not greater than zero"),
    "TRYTON_REFUSED": N_("Refused by the ERP"),
    "TRYTON_PRICE_MISSING": N_("A line has no price"),
    "TRYTON_ORDER_EXISTS": N_("The order is there with other content"),
    "TRYTON_ORDER_CANCELLED": N_("The order was cancelled in the ERP"),
    WAITING: N_("Waiting for an approval"),
    IN_DOUBT: N_("Sent, and no answer came"),
    NO_REASON: N_("Kept back"),
}


def words(code: str) -> str:
    """A code in plain words, in English; one without words as it is, a rule of a suite by its name."""
    return WORDS.get(code) or (code if code.isupper() else code.replace("_", " "))
