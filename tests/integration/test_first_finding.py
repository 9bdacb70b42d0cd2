"""Lists say what a file or a document is kept back for: its first error, though notes and warnings were found before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_harness import PROJECT, hub

from orderhub.ledger import queries
from orderhub.ledger.queries import DocumentFilter

pytestmark = pytest.mark.integration

ORDER = (PROJECT / "samples" / "inbox" / "cxml_orders" / "12_bad_quantity_text.xml").read_bytes()


def test_an_error_stands_before_what_was_noted_earlier(database: str, tmp_path: Path) -> None:
    assert b"<!DOCTYPE" in ORDER
    with hub("cxml_orders", database, tmp_path) as at:
        at.drop(ORDER.replace(b"</OrderRequestHeader>", b"<Gift>yes</Gift></OrderRequestHeader>"), "text.xml")
        at.drop(ORDER.replace(b"</cXML>", b""), "open.xml")
        assert at.run().problems == []
        with at.ctx.ledger.connect() as connection:
            (document,) = queries.find_documents(connection, DocumentFilter()).rows
            files = {row.name: row for row in queries.find_interchanges(connection)}
            path = queries.document_path(connection, document.id)
    assert path is not None
    assert [finding.code for finding in path.findings] == ["UNMAPPED", "VALUE_NUMBER"]
    assert document.first_finding == path.findings[1]
    assert [finding.code for finding in files["open.xml"].findings] == ["XML_DTD_NOT_LOADED", "XML_TRUNCATED"]
    assert files["open.xml"].first_finding == files["open.xml"].findings[1]
