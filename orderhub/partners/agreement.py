"""A trading partner agreement: ``partners/<name>.yaml``."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from orderhub.config_file import Section, read_config
from orderhub.findings import Severity
from orderhub.mapping.given import given_from

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_CODE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
#: Above this an interchange is refused unless the agreement says otherwise (bytes).
DEFAULT_MAX_BYTES = 200 * 1024 * 1024
DEFAULT_MAX_DOCUMENTS = 100_000


class Identifier(msgspec.Struct, frozen=True, kw_only=True):
    """One way the partner names itself in an envelope. ``qualifier`` None matches any (UNB 0007, ISA05)."""

    format: str
    id: str
    qualifier: str | None = None


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in for something that the partner's documents leave out: what ``agreement(…)`` of a mapping can
    name (:data:`orderhub.mapping.given.AGREEMENT`; a test keeps both in step)."""

    currency: str | None = None
    issued_on: dt.date | None = None
    unit: str | None = None
    buyer_gln: str | None = None
    buyer_code: str | None = None
    buyer_name: str | None = None
    supplier_gln: str | None = None
    supplier_code: str | None = None
    supplier_name: str | None = None
    payment_terms: str | None = None

    def given(self) -> dict[str, Any]:
        """The values that there are, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Largest interchange in bytes, and most documents in one."""

    bytes: int = DEFAULT_MAX_BYTES
    documents: int = DEFAULT_MAX_DOCUMENTS


#: Master data that a partner's documents may bring into the ERP.
MASTER_DATA = ("supplier", "item")

#: Technical answers by name; ``none`` says that this partner gets none, whatever a flow says.
TECHNICAL_ANSWERS = ("contrl", "997", "999", "mdn", "none")
#: What a technical answer speaks of, see docs/decisions/technical-answers.md.
COVERS = ("syntax", "acceptance", "receipt")


class OwnIdentifier(msgspec.Struct, frozen=True, kw_only=True):
    """How the hub names itself towards the partner."""

    id: str
    qualifier: str | None = None


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """How the partner is answered, where it was agreed. ``own`` None: as whom the partner addressed; ``covers`` None:
    syntax; ``connector`` and ``settings`` say where the answers go, None: as the flow says."""

    own: OwnIdentifier | None = None
    covers: Literal["syntax", "acceptance", "receipt"] | None = None
    connector: str | None = None
    settings: dict[str, Any] = {}


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Who the partner is and what was agreed.

    ``company`` is the company of the hub that the partner trades with; it is part of every document's identity.
    ``environment`` test marks everything as test, whatever an envelope says. ``on_failure``: whether a document that
    breaks a rule is kept back alone, or its whole interchange with it. ``severities`` overrides what a finding code
    means for this partner (a partner known for wrong counts may be let through with a warning). ``creates``: master data
    that the ERP may create from this partner's documents when it does not know it, instead of rejecting them.
    ``updates``: master data that the ERP may change when this partner's records of it say something else.
    """

    name: str
    title: str
    company: str
    environment: Literal["production", "test"] = "production"
    identifiers: tuple[Identifier, ...] = ()
    glns: tuple[str, ...] = ()
    defaults: Defaults = Defaults()
    on_failure: Literal["quarantine", "interchange"] = "quarantine"
    severities: dict[str, Severity] = {}
    limits: Limits = Limits()
    creates: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    technical_answer: str | None = None
    business_answer: str | None = None
    answering: Answering = Answering()
    file: str = ""

    def matches(self, format_name: str, sender: str | None, qualifier: str | None) -> bool:
        """Whether an envelope with this sender comes from this partner."""
        return any(
            known.format == format_name
            and known.id == sender
            and (known.qualifier is None or known.qualifier == (qualifier or ""))
            for known in self.identifiers
        )


def parse_agreement(path: Path) -> Agreement:
    """The agreement of one file.

    :raises ConfigError: at the line and column of what is wrong.
    """
    top = read_config(path)
    name = top.text("partner")
    if not NAME.match(name):
        top.fail(
            "partner", f"{name!r} cannot be a partner's name.", "Use small letters, digits, underscores."
        )
    if name != path.stem:
        top.fail(
            "partner", f"The partner is named {name!r} but the file {path.name!r}.", "Let both be the same."
        )
    answers = top.section("answers")
    technical = answers.choice("technical", TECHNICAL_ANSWERS) if answers and "technical" in answers else None
    business = answers.optional_text("business") if answers else None
    answering = _answering(answers) if answers else Answering()
    if answers:
        answers.done()
    environment = top.choice("environment", ("production", "test"), "production")
    on_failure = top.choice("on_failure", ("quarantine", "interchange"), "quarantine")
    agreement = Agreement(
        name=name,
        title=top.text("name"),
        company=top.optional_text("company") or "default",
        environment="test" if environment == "test" else "production",
        identifiers=tuple(_identifier(section) for section in top.sections("identifiers")),
        glns=tuple(_gln(top, gln) for gln in top.texts("glns")),
        defaults=_defaults(top.section("defaults")),
        on_failure="interchange" if on_failure == "interchange" else "quarantine",
        severities=_severities(top.section("severities")),
        limits=_limits(top.section("limits")),
        creates=_master_data(top, "creates", "created"),
        updates=_master_data(top, "updates", "updated"),
        technical_answer=technical,
        business_answer=business,
        answering=answering,
        file=path.name,
    )
    top.done()
    return agreement


def _identifier(section: Section) -> Identifier:
    found = Identifier(
        format=section.choice("format", ("edifact", "x12")),
        id=section.text("id"),
        qualifier=section.optional_text("qualifier"),
    )
    section.done()
    return found


def _answering(section: Section) -> Answering:
    own = section.section("as")
    named = OwnIdentifier(id=own.text("id"), qualifier=own.optional_text("qualifier")) if own else None
    if own:
        own.done()
    covers: Literal["syntax", "acceptance", "receipt"] | None = None
    if "covers" in section:
        chosen = section.choice("covers", COVERS)
        covers = "acceptance" if chosen == "acceptance" else "receipt" if chosen == "receipt" else "syntax"
    return Answering(
        own=named,
        covers=covers,
        connector=section.optional_text("connector"),
        settings=section.plain("settings"),
    )


def _gln(top: Section, gln: str) -> str:
    if not re.fullmatch(r"[0-9]{13}", gln):
        top.fail("glns", f"{gln!r} is no GLN.", "A GLN has 13 digits; write it in quotes.")
    return gln


def _defaults(section: Section | None) -> Defaults:
    if section is None:
        return Defaults()
    return Defaults(**given_from(section))


def _master_data(top: Section, key: str, done: str) -> frozenset[str]:
    wanted = top.texts(key)
    for name in wanted:
        if name not in MASTER_DATA:
            top.fail(key, f"{name!r} is nothing that can be {done}.", f"Write {' or '.join(MASTER_DATA)}.")
    return frozenset(wanted)


def _severities(section: Section | None) -> dict[str, Severity]:
    if section is None:
        return {}
    found: dict[str, Severity] = {}
    for code in section.keys():  # noqa: SIM118 - a Section is no dict
        if not _CODE.match(code):
            section.fail(
                code, f"{code!r} is no finding code.", "Write it as docs/reference/errors.md has it."
            )
        found[code] = Severity(section.choice(code, tuple(severity.value for severity in Severity)))
    return found


def _limits(section: Section | None) -> Limits:
    if section is None:
        return Limits()
    found = Limits(
        bytes=section.integer("bytes", DEFAULT_MAX_BYTES, least=1) or DEFAULT_MAX_BYTES,
        documents=section.integer("documents", DEFAULT_MAX_DOCUMENTS, least=1) or DEFAULT_MAX_DOCUMENTS,
    )
    section.done()
    return found
