"""Parties, addresses and contacts, shared by all documents. Names follow UBL 2.x in snake_case."""

from __future__ import annotations

from typing import Annotated

import msgspec

#: ISO 3166-1 alpha-2.
CountryCode = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$", title="ISO 3166-1 alpha-2 country")]
#: GS1 General Specifications: 13 digits, the last one a check digit.
Gln = Annotated[str, msgspec.Meta(pattern="^[0-9]{13}$", title="GS1 global location number")]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Address(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A postal address. ``subdivision`` is the state or province as the source wrote it."""

    street: str | None = None
    additional_street: str | None = None
    city: str | None = None
    postal_zone: str | None = None
    subdivision: str | None = None
    country: CountryCode | None = None


class Contact(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A person or department to ask."""

    name: str | None = None
    telephone: str | None = None
    email: str | None = None


class Party(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Somebody who takes part in a document, named by at least one of GLN, code or name.

    ``code`` is an identifier that sender and hub agreed on; ``scheme`` says whose (``buyer``, ``supplier``, ``duns``,
    or the code of the source's own list).
    """

    gln: Gln | None = None
    code: str | None = None
    scheme: str | None = None
    name: str | None = None
    tax_number: str | None = None
    address: Address | None = None
    contact: Contact | None = None
