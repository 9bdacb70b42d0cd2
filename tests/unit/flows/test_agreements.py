"""Agreements: whose envelope it is, and mistakes in the files."""

from pathlib import Path

import pytest

from orderhub.errors import ConfigError
from orderhub.findings import Severity
from orderhub.partners.agreement import parse_agreement
from orderhub.partners.registry import PartnerRegistry

GOOD = """partner: acme
name: ACME
company: south
environment: test
identifiers:
  - {format: edifact, id: "4299999001006", qualifier: "14"}
  - {format: x12, id: ACME}
glns: ["4299999001006"]
defaults: {currency: EUR, supplier_code: S1001}
on_failure: interchange
severities: {EDIFACT_UNZ_COUNT: warning}
limits: {bytes: 1000, documents: 5}
creates: [item]
updates: [supplier]
answers: {technical: contrl}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_identifier_with_a_leading_zero_needs_no_quotes(tmp_path: Path) -> None:
    text = GOOD.replace('"4299999001006", qualifier: "14"', "0299999001006, qualifier: 014")
    known = parse_agreement(write(tmp_path, "acme", text)).identifiers[0]
    assert (known.id, known.qualifier) == ("0299999001006", "014")


def test_an_agreement_is_read_whole(tmp_path: Path) -> None:
    agreement = parse_agreement(write(tmp_path, "acme", GOOD))
    assert (agreement.company, agreement.environment, agreement.on_failure) == (
        "south",
        "test",
        "interchange",
    )
    assert agreement.severities == {"EDIFACT_UNZ_COUNT": Severity.WARNING}
    assert (agreement.limits.bytes, agreement.limits.documents) == (1000, 5)
    assert agreement.defaults.currency == "EUR"
    assert (agreement.creates, agreement.updates) == ({"item"}, {"supplier"})


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('"4299999001006", qualifier', "4299999001006, qualifier", 6, "quotes"),
        ("format: edifact", "format: telex", 6, "edifact"),
        ("currency: EUR", "currency: Euro", 9, "ISO 4217"),
        ("on_failure: interchange", "on_failure: maybe", 10, "quarantine"),
        ("EDIFACT_UNZ_COUNT: warning", "EDIFACT_UNZ_COUNT: mild", 11, "warning"),
        ("bytes: 1000", "bytes: 0", 12, "at least 1"),
        ("creates: [item]", "creates: [order]", 13, "supplier or item"),
        ("updates: [supplier]", "updates: [order]", 14, "supplier or item"),
        ("company: south", "compani: south", 3, "company"),
        ('glns: ["4299999001006"]', 'glns: ["42"]', 8, "13 digits"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse_agreement(write(tmp_path, "acme", GOOD.replace(old, new)))
    assert caught.value.place is not None
    assert caught.value.place.line == line
    assert says in str(caught.value)


def test_the_sender_of_an_envelope_finds_its_agreement(tmp_path: Path) -> None:
    write(tmp_path, "acme", GOOD)
    write(
        tmp_path,
        "other",
        'partner: other\nname: O\nidentifiers: [{format: edifact, id: "1", qualifier: "ZZZ"}]\n',
    )
    registry = PartnerRegistry(tmp_path)

    def found(*sender: str | None) -> str | None:
        agreement = registry.of_sender(*sender)  # type: ignore[arg-type]
        return agreement.name if agreement else None

    assert found("edifact", "4299999001006", "14") == "acme"
    assert found("edifact", "4299999001006", "9") is None
    assert found("edifact", "4299999001006", None) is None
    assert found("x12", "ACME", "01") == "acme"
    assert found("edifact", "ACME", "01") is None
    assert found("edifact", None, None) is None


def test_an_identifier_that_two_agreements_claim_is_nobodys_and_reported(tmp_path: Path) -> None:
    write(tmp_path, "acme", GOOD)
    write(tmp_path, "acme2", GOOD.replace("partner: acme", "partner: acme2"))
    registry = PartnerRegistry(tmp_path)
    assert registry.of_sender("edifact", "4299999001006", "14") is None
    assert any("belongs to acme already" in str(problem) for problem in registry.problems())


def test_the_agreements_of_the_project_are_usable() -> None:
    registry = PartnerRegistry(Path(__file__).parents[3] / "partners")
    assert registry.problems() == []
    assert {agreement.name for agreement in registry.agreements()} >= {"acme_retail", "citrus_market"}


def test_an_unknown_default_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    text = GOOD.replace("supplier_code: S1001", "suplier_code: S1001")
    with pytest.raises(ConfigError, match="supplier_code") as caught:
        parse_agreement(write(tmp_path, "acme", text))
    assert caught.value.place is not None and caught.value.place.line == 9


def test_answers_are_agreed_in_all_their_parts(tmp_path: Path) -> None:
    wanted = (
        "answers:\n  technical: contrl\n  covers: acceptance\n  as: {id: HUB, qualifier: ZZZ}\n  connector: folder\n"
        "  settings: {path: /srv/out}\n"
    )
    agreement = parse_agreement(write(tmp_path, "acme", "partner: acme\nname: A\n" + wanted))
    assert agreement.technical_answer == "contrl"
    answering = agreement.answering
    assert (answering.covers, answering.connector, answering.settings) == (
        "acceptance",
        "folder",
        {"path": "/srv/out"},
    )
    assert answering.own is not None
    assert (answering.own.id, answering.own.qualifier) == ("HUB", "ZZZ")


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ("{technical: control}", "contrl"),
        ("{covers: everything}", "acceptance"),
        ("{as: {qualifier: ZZZ}}", "id is missing"),
        ("{conector: folder}", "connector"),
    ],
)
def test_a_mistake_in_answers_is_named(tmp_path: Path, answers: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_agreement(write(tmp_path, "acme", f"partner: acme\nname: A\nanswers: {answers}\n"))
    assert says in str(caught.value)
    assert caught.value.place is not None
    assert caught.value.place.line == 3
