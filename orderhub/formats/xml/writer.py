"""XML as a payload (XML 1.0, fifth edition; Namespaces in XML 1.0): UTF-8, elements in the order of the tree.

All namespaces are declared at the root. ``@name`` is an attribute, ``#text`` the text of an element that has attributes, a
list the element once more for each item. What XML has no way to write, such as control characters (2.2), is refused.

The bytes are put together from texts that are escaped already, not from a tree of elements: lxml takes several times as long
for the same order. The names are checked once for all documents, and a start of the document is parsed by lxml then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lxml import etree

from orderhub.formats.declaration import only_entries
from orderhub.formats.dialect import DeclarationError
from orderhub.formats.target import KeyProblem, Unwritable, Wire
from orderhub.formats.xml.names import NAME, XML, XSI

#: The name of an element's own text.
OWN = "#text"

_OPTIONS = ("root", "namespaces", "declaration")
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
#: XML 1.0, production 2 (Char): everything but these.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# a carriage return would be read as a line feed (2.11), tabs and line ends in an attribute as spaces (3.3.3)
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)
_SPECIAL = re.compile("[^\x20\x21\x23-\x25\x27-\x3b\x3d\x3f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").search


def escaped(text: str, *, attribute: bool = False) -> str:
    """A text as it stands between tags, or between the quotes of an attribute.

    :raises Unwritable: with the first character that XML cannot have.
    """
    if _SPECIAL(text) is None:
        return text
    wrong = _FORBIDDEN.search(text)
    if wrong is not None:
        raise Unwritable(
            f"XML cannot hold the character U+{ord(wrong[0]):04X} at position {wrong.start() + 1} of {text[:60]!r}.",
            "Correct the document, or take the character away in the mapping (replace).",
        )
    return text.translate(_IN_ATTRIBUTE if attribute else _IN_TEXT)


class XmlTarget:
    """See :class:`orderhub.formats.target.TargetFormat`.

    ``root`` is the name of the root element; ``namespaces`` has the prefixes, "" for the default namespace;
    ``declaration: false`` leaves the first line out.
    """

    format = "xml"
    media_type = "application/xml"
    own = OWN

    def __init__(self, root: str, namespaces: Mapping[str, str], *, declaration: bool = True) -> None:
        self.root = root
        self.namespaces = dict(namespaces)
        declared = "".join(
            f' xmlns{f":{prefix}" if prefix else ""}="{escaped(uri, attribute=True)}"'
            for prefix, uri in namespaces.items()
        )
        self._start = f"{_HEAD if declaration else ''}<{root}{declared}"

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> XmlTarget:
        """:raises DeclarationError: naming the entry that is missing or wrong."""
        only_entries(options, _OPTIONS, "an XML target", also=("format",))
        namespaces = _namespaces(options.get("namespaces"))
        root, declaration = options.get("root"), options.get("declaration", True)
        if not isinstance(root, str):
            raise DeclarationError(
                "The XML target has no root.", key="root", todo="Add root: and the name of the root element."
            )
        if not isinstance(declaration, bool):
            raise DeclarationError(
                "declaration is true or false.", key="declaration", todo="Write true or false."
            )
        made = cls(root, namespaces, declaration=declaration)
        try:
            made._known(root, root)
            etree.fromstring(made.encode({}))
        except KeyProblem as error:
            raise DeclarationError(error.what, key="root", todo=error.todo) from None
        except (etree.XMLSyntaxError, Unwritable) as error:
            raise DeclarationError(
                f"The root is no XML: {error}.", key="namespaces", todo="Correct the namespaces."
            ) from None
        return made

    def names(self, keys: Mapping[str, bool]) -> None:
        elements = [key for key in keys if key != OWN and not key.startswith("@")]
        if OWN in keys and elements:
            raise KeyProblem(
                OWN, f"{OWN} cannot stand beside elements ({elements[0]}).", "Keep the text or the elements."
            )
        for key, nested in keys.items():
            own = key == OWN or key.startswith("@")
            if own and nested:
                raise KeyProblem(key, f"{key} is one value.", "Write an expression.")
            if key != OWN:
                self._known(key.removeprefix("@"), key)

    def _known(self, name: str, key: str) -> None:
        match = NAME.match(name)
        if match is None or not _is_name(match[2]):
            raise KeyProblem(
                key,
                f"{name!r} is no name of XML.",
                "Begin it with a letter or _, and use letters, digits, '_', '-' and '.'.",
                offset=len(key) - len(name),
            )
        prefix = match[1]
        if prefix is not None and prefix != "xml" and prefix not in self.namespaces:
            known = ", ".join(sorted(one for one in self.namespaces if one)) or "none"
            raise KeyProblem(
                key,
                f"The prefix {prefix} is not declared.",
                f"Add it to namespaces of the target (there: {known}).",
                offset=len(key) - len(name),
            )
        if prefix is None and match[2].lower().startswith("xmlns"):
            raise KeyProblem(key, f"{key} declares a namespace.", "Write it under namespaces of the target.")

    def wire(self, key: str, kind: str) -> Wire | None:
        attribute = key.startswith("@")
        plain = _TEXTS.get(kind)
        if plain is not None:
            return plain
        return _attribute if attribute else escaped

    def null(self, key: str) -> Any:
        prefix = next((prefix for prefix, uri in self.namespaces.items() if uri == XSI and prefix), None)
        if key.startswith("@") or key == OWN:
            raise KeyProblem(key, f"{key} cannot be null in XML.", "Write | or_empty, or leave it out.")
        if prefix is None:
            raise KeyProblem(
                key,
                "Null is written with xsi:nil, and its namespace is not declared.",
                f"Add xsi: {XSI} to namespaces of the target, or write | or_empty.",
            )
        return {f"@{prefix}:nil": "true"}

    def encode(self, tree: dict[str, Any]) -> bytes:
        """The document. The texts in the tree are those that :meth:`wire` gave: escaped."""
        pieces: list[str] = []
        _element(self._start, self.root, tree, pieces.append)
        return "".join(pieces).encode()

    def tree(self, data: bytes) -> Any:
        return data


def _namespaces(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise DeclarationError(
            "namespaces is a map of prefixes.", key="namespaces", todo='Write {"": "urn:…", cbc: "urn:…"}.'
        )
    for prefix, uri in value.items():
        named = not prefix or (NAME.match(str(prefix)) is not None and ":" not in str(prefix))
        reserved = str(prefix).lower().startswith("xml") or uri == XML
        if not named or reserved or not isinstance(uri, str) or not uri:
            raise DeclarationError(
                f"{prefix}: {uri} declares no namespace.",
                key=f"namespaces.{prefix}",
                todo="Write a prefix that does not begin with xml, and the address of its namespace.",
            )
    prefixed = [uri for prefix, uri in value.items() if prefix]
    twice = next((uri for uri in prefixed if prefixed.count(uri) > 1), None)
    if twice is not None:
        # an element could then have the same attribute under two names
        raise DeclarationError(
            f"Two prefixes stand for {twice}.", key="namespaces", todo="Keep one prefix for each namespace."
        )
    return {str(prefix): str(uri) for prefix, uri in value.items()}


def _is_name(local: str) -> bool:
    try:
        etree.fromstring(f"<{local}/>")
    except etree.XMLSyntaxError:
        return False
    return True


def _element(start: str, name: str, content: Any, add: Any) -> None:
    """``start`` is the beginning of the start tag, ``<name`` and what belongs to it."""
    if not isinstance(content, dict):
        add(f"{start}>{content}</{name}>" if content else f"{start}/>")
        return
    inner: list[str] = []
    for key, value in content.items():
        first = key[0]
        if first == "@":
            start = f'{start} {key[1:]}="{value}"'
        elif first == "#":
            inner.append(value)
        elif type(value) is str:
            inner.append(f"<{key}>{value}</{key}>" if value else f"<{key}/>")
        elif type(value) is list:
            for item in value:
                _element(f"<{key}", key, item, inner.append)
        else:
            _element(f"<{key}", key, value, inner.append)
    body = "".join(inner)
    add(f"{start}>{body}</{name}>" if body else f"{start}/>")


def _attribute(value: str) -> str:
    return escaped(value, attribute=True)


def _digits(value: Any) -> str:
    # a whole number that stands for an absent decimal stays whole
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _iso(value: Any) -> str:
    return str(value.isoformat())


def _truth(value: bool) -> str:
    return "true" if value else "false"


_TEXTS: dict[str, Wire] = {
    "decimal": _digits,
    "integer": str,
    "number": str,
    "boolean": _truth,
    "date": _iso,
    "datetime": _iso,
}
