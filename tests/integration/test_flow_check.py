"""`orderhub flow check`: every file that a flow names is looked at, and the finding stands where it has to be mended."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hub_harness import PROJECT

from orderhub.connector_registry import ConnectorRegistry
from orderhub.findings import Finding
from orderhub.flows.check import check_flow
from orderhub.flows.definition import parse_flow
from orderhub.mapping.registry import MappingRegistry
from orderhub.partners.registry import PartnerRegistry

CSV_FLOW = (PROJECT / "flows" / "csv_orders.yaml").read_text(encoding="utf-8")


def check(path: Path) -> list[Finding]:
    return check_flow(
        parse_flow(path),
        partners=PartnerRegistry(PROJECT / "partners"),
        mappings=MappingRegistry(PROJECT / "mappings"),
        suites=PROJECT / "schemas" / "expectations",
        connectors=ConnectorRegistry(PROJECT / "connectors"),
    )


@pytest.mark.parametrize("name", [path.stem for path in sorted((PROJECT / "flows").glob("*.yaml"))])
def test_the_flows_of_the_project_pass(name: str) -> None:
    assert check(PROJECT / "flows" / f"{name}.yaml") == []


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("partner: citrus_market", "partner: nobody", "partner", "nobody"),
        ("mapping: csv_orders__", "mapping: csv_order__", "translate.mapping", "csv_orders__purchase_order"),
        ("version: 1}", "version: 2}", "translate.mapping", "version 2"),
        ("suite: purchase_order_core", "suite: purchase_orders", "validate.suite", "purchase_orders"),
        ("connector: folder", "connector: foldr", "pull", "folder"),
        ("connector: folder", "connector: parquet", "pull", "cannot pull"),
        ("path: csv_orders ", "pfad: csv_orders ", "pull", "pfad"),
        ("{connector: warehouse,", "{connector: folder,", "load[1]", "cannot load"),
        ("settings: {connection: erp}", "settings: {conection: erp}", "load[0]", "connection"),
        (
            "acknowledge: {}",
            "acknowledge: {technical: contrl, connector: warehouse}",
            "acknowledge",
            "cannot send",
        ),
        ("acknowledge: {}", "acknowledge: {technical: contrl, settings: {pfad: x}}", "acknowledge", "pfad"),
        (
            "settings: {connection: erp}",
            "settings: {connection: erp}, when: approved",
            "load[0]",
            "no effect yet",
        ),
        ("acknowledge: {}", "acknowledge: {business: ordrsp}", "acknowledge", "no business answer"),
        ("acknowledge: {}", "acknowledge: {technical: mdn}", "acknowledge", "no answer is sent"),
    ],
)
def test_what_does_not_fit_is_found_at_its_place(
    tmp_path: Path, old: str, new: str, field: str, says: str
) -> None:
    assert old in CSV_FLOW
    path = tmp_path / "csv_orders.yaml"
    path.write_text(CSV_FLOW.replace(old, new), encoding="utf-8")
    findings = check(path)
    assert [finding.field for finding in findings] == [field], findings
    assert says in findings[0].message
    assert findings[0].place.file


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("purchase_order__json_order", None),
        ("purchase_order__json_ordr", "Did you mean purchase_order__json_order"),
        ("csv_orders__purchase_order", "reads"),
        ("sample_supplier", "writes supplier, but the flow makes purchase_order"),
        (
            "{connector: rest, settings: {connection: s, target: {path: /o, repeatable: true, "
            "mapping: purchase_order__idoc_orders05, given: {key: '{key}', sendr: HUB}}}}",
            "declares no value 'sendr'",
        ),
    ],
)
def test_the_mapping_that_a_target_names_is_looked_at(tmp_path: Path, target: str, says: str | None) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(PROJECT / "mappings", mappings, ignore=shutil.ignore_patterns("examples"))
    (mappings / "sample_supplier.yaml").write_text(
        "mapping: sample_supplier\nversion: 1\nsource: {document: supplier}\ntarget: {format: json}\n"
        "fields: {no: number}\n"
    )
    path = tmp_path / "csv_orders.yaml"
    if not target.startswith("{"):
        target = f"{{connector: redis_stream, settings: {{connection: s, key: k, mapping: {target}}}}}"
    path.write_text(CSV_FLOW.replace("{connector: warehouse, test_documents: true}", target))
    findings = check_flow(
        parse_flow(path),
        partners=PartnerRegistry(PROJECT / "partners"),
        mappings=MappingRegistry(mappings),
        suites=PROJECT / "schemas" / "expectations",
        connectors=ConnectorRegistry(PROJECT / "connectors"),
    )
    assert [one.field for one in findings] == ([] if says is None else ["load[1]"]), findings
    assert says is None or says in findings[0].message


def test_what_the_agreement_does_not_have_is_told(tmp_path: Path) -> None:
    mappings, partners = tmp_path / "mappings", tmp_path / "partners"
    ignored = shutil.ignore_patterns("examples")
    for name in ("mappings", "partners"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=ignored)
    for name in ("csv_orders__purchase_order", "edifact_orders_d96a__purchase_order"):
        path = mappings / f"{name}.yaml"
        text = path.read_text(encoding="utf-8").replace('? "EUR"', "? agreement(unit)")
        lines = [line for line in text.splitlines() if not line.startswith("  payment_terms:")]
        lines.insert(lines.index("fields:") + 1, "  payment_terms: agreement(payment_terms)")
        path.write_text("\n".join(lines), encoding="utf-8")

    def findings(flow: str) -> list[tuple[str, str, str]]:
        found = check_flow(
            parse_flow(PROJECT / "flows" / f"{flow}.yaml"),
            partners=PartnerRegistry(partners),
            mappings=MappingRegistry(mappings),
            suites=PROJECT / "schemas" / "expectations",
            connectors=ConnectorRegistry(PROJECT / "connectors"),
        )
        return [(one.code, one.severity.value, one.message) for one in found]

    alone, fallback = sorted(findings("csv_orders"), key=lambda one: one[1])
    assert alone[:2] == ("FLOW_AGREEMENT", "error")
    assert "payment_terms takes agreement(payment_terms)" in alone[2]
    assert "partners/citrus_market.yaml" in alone[2]
    assert fallback[:2] == ("FLOW_AGREEMENT", "warning")
    assert "currency takes agreement(unit)" in fallback[2]
    # who sends is known only from the envelope: whoever may be meant is told about
    by_sender = findings("edifact_orders")
    assert {one[:2] for one in by_sender} == {("FLOW_AGREEMENT", "warning")}
    assert any("acme_retail" in one[2] for one in by_sender)
    assert any("borealis_plant" in one[2] for one in by_sender)
