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
    "BUNDLE_DAMAGED": N_("A damaged archive"),
    "BUNDLE_EMPTY": N_("The file is empty"),
    "BUNDLE_ENCRYPTED": N_("An encrypted archive"),
    "BUNDLE_MEMBER_TWICE": N_("A file is there twice"),
    "BUNDLE_TOO_LARGE": N_("Too large to be read"),
    "CSV_COLUMN_MISSING": N_("A column is missing"),
    "CSV_COLUMN_TWICE": N_("A column is there twice"),
    "CSV_COLUMN_UNNAMED": N_("A column without a name"),
    "CSV_EMPTY": N_("The file is empty"),
    "CSV_ENCODING": N_("Characters outside the agreed set"),
    "CSV_FIELD_TOO_LONG": N_("A value or line is too long"),
    "CSV_FILE_MISSING": N_("A file of several is missing"),
    "CSV_FILE_SEVERAL": N_("A file is there twice"),
    "CSV_FILE_UNREAD": N_("A file that nobody reads"),
    "CSV_JOIN_MISSING": N_("A row that it points to is missing"),
    "CSV_JOIN_ORPHAN": N_("Rows that belong to nothing"),
    "CSV_JOIN_TOO_LARGE": N_("Too large to be read"),
    "CSV_KEY_MISSING": N_("A row without its key"),
    "CSV_KEY_RETURNS": N_("Rows of one document stand apart"),
    "CSV_KEY_TWICE": N_("A key is there twice"),
    "CSV_LINE_TOO_LONG": N_("A value or line is too long"),
    "CSV_NO_ROWS": N_("No row below the headings"),
    "CSV_NUL": N_("Characters outside the agreed set"),
    "CSV_QUOTE": N_("A wrong quotation mark"),
    "CSV_RECORD_END": N_("A wrong quotation mark"),
    "CSV_ROW_LENGTH": N_("A row with too few or too many columns"),
    "CSV_TOO_MANY_ROWS": N_("Too large to be read"),
    "JSON_DEPTH": N_("Nested too deep"),
    "JSON_DUPLICATE_KEY": N_("A key is there twice"),
    "JSON_EMPTY": N_("The file is empty"),
    "JSON_ENCODING": N_("Characters outside the agreed set"),
    "JSON_KEY_MISSING": N_("A record without its key"),
    "JSON_NO_RECORDS": N_("No record is where they should be"),
    "JSON_NOT_OBJECT": N_("No record is where they should be"),
    "JSON_NUMBER": N_("Not a number"),
    "JSON_RECORD_SHAPE": N_("No record is where they should be"),
    "JSON_SYNTAX": N_("The syntax is broken"),
    "JSON_TOO_LONG": N_("A value or line is too long"),
    "JSON_TRAILING": N_("Something follows the end"),
    "JSON_TRUNCATED": N_("The file ends too early"),
    "XML_EMPTY": N_("The file is empty"),
    "XML_ENCODING": N_("Characters outside the agreed set"),
    "XML_ENTITY": N_("Entities and inclusions are not allowed"),
    "XML_SYNTAX": N_("The syntax is broken"),
    "XML_TOO_DEEP": N_("Nested too deep"),
    "XML_TOO_LARGE": N_("Too large to be read"),
    "XML_TRUNCATED": N_("The file ends too early"),
    "XML_XINCLUDE": N_("Entities and inclusions are not allowed"),
}

#: Codes of EDIFACT and X12 that end alike.
_EDI = {
    "CHARSET": N_("Characters outside the agreed set"),
    "COMPONENT_EXCESS": N_("More values than the message allows"),
    "ELEMENT_CODE": N_("A code that the message does not know"),
    "ELEMENT_DATE": N_("Not a date"),
    "ELEMENT_EXCESS": N_("More values than the message allows"),
    "ELEMENT_LENGTH": N_("A value of the wrong length"),
    "ELEMENT_MISSING": N_("A mandatory value is missing"),
    "ELEMENT_REPEAT": N_("More values than the message allows"),
    "ELEMENT_TIME": N_("Not a time"),
    "ELEMENT_TYPE": N_("Letters where a number belongs"),
    "EMPTY": N_("The file is empty"),
    "ENCODING": N_("Characters outside the agreed set"),
    "GARBAGE": N_("Something stands between the segments"),
    "GROUP_REPEAT": N_("A segment or group repeats too often"),
    "REPERTOIRE": N_("Characters outside the agreed set"),
    "SEGMENT_MISSING": N_("A mandatory segment is missing"),
    "SEGMENT_ORDER": N_("A segment stands at the wrong place"),
    "SEGMENT_REPEAT": N_("A segment or group repeats too often"),
    "SEGMENT_RULE": N_("Values of a segment do not fit each other"),
    "SEGMENT_UNKNOWN": N_("A segment that the message does not know"),
    "TAG": N_("Not the name of a segment"),
    "TOO_LARGE": N_("Too large to be read"),
    "TRAILER_STRAY": N_("An end without a beginning"),
    "UNTERMINATED": N_("The file ends too early"),
}
#: The segments of the envelope, by syntax, and the ends of the codes about them.
_HEADERS = {"EDIFACT": ("UNA", "UNB", "UNG", "UNH"), "X12": ("ISA", "GS", "ST")}
_HEADER_ENDS = {
    "": N_("The beginning of the envelope is unusable"),
    "_DUPLICATE": N_("A reference of the envelope is there twice"),
    "_LENGTH": N_("The beginning of the envelope is unusable"),
    "_MISSING": N_("The beginning of the envelope is missing"),
    "_SYNTAX": N_("The beginning of the envelope is unusable"),
    "_VALUE": N_("The beginning of the envelope is unusable"),
}
_TRAILERS = {"EDIFACT": ("UNT", "UNE", "UNZ"), "X12": ("SE", "GE", "IEA")}
_TRAILER_ENDS = {
    "_COUNT": N_("A wrong count at the end"),
    "_MISSING": N_("The end of the envelope is missing"),
    "_REFERENCE": N_("The reference at the end differs from the beginning"),
}
WORDS |= {f"{syntax}_{end}": said for syntax in _HEADERS for end, said in _EDI.items()}
for _segments, _ends in ((_HEADERS, _HEADER_ENDS), (_TRAILERS, _TRAILER_ENDS)):
    WORDS |= {
        f"{syntax}_{tag}{end}": said
        for syntax, tags in _segments.items()
        for tag in tags
        for end, said in _ends.items()
    }


def words(code: str) -> str:
    """A code in plain words, in English; one without words as it is, a rule of a suite by its name."""
    return WORDS.get(code) or (code if code.isupper() else code.replace("_", " "))
