"""What a hostile XML file may try: nothing outside it is read, nobody is called, nothing grows."""

from __future__ import annotations

import re
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from orderhub.findings import Finding, Severity
from orderhub.formats.xml.reader import PARSER_OPTIONS, XmlReader
from orderhub.formats.xml.unread import ATTRIBUTES, Reads, UnreadFinder
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.translation import FileOutcome, FileResult, translate_file
from orderhub.project import mappings_folder, project_folder

MARK = "the-secret-of-another-file"


class Listener:
    """A port that counts who calls."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.calls = 0
        self.closing = False
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/evil.dtd"

    def _serve(self) -> None:
        while not self.closing:
            try:
                connection, _ = self.socket.accept()
            except TimeoutError:
                continue
            self.calls += 1
            connection.close()

    def close(self) -> int:
        time.sleep(0.2)
        self.closing = True
        self.thread.join()
        self.socket.close()
        return self.calls


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    assert made.close() == 0


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that no other may show; as a DTD it would give every ``a`` an attribute, and an entity."""
    path = tmp_path / "secret.dtd"
    path.write_text(f'<!ENTITY leak "{MARK}"><!ATTLIST a leak CDATA "{MARK}">', encoding="utf-8")
    return path


def findings_of(data: bytes, *, records: frozenset[str] = frozenset()) -> list[Finding]:
    """All findings; nothing that was handed on knows the secret."""
    session = XmlReader(lambda _root: records).read(data, name="evil.xml")
    found: list[Finding] = []
    for tree in session:
        assert MARK not in etree.tostring(tree.root.element, encoding="unicode")
        found.extend(tree.findings)
        if any(finding.severity is Severity.ERROR for finding in tree.findings):
            assert not tree.usable
    found.extend(session.summary.findings.kept)
    assert MARK not in str(found)
    return found


def errors(found: list[Finding]) -> list[str]:
    return [finding.code for finding in found if finding.severity is Severity.ERROR]


@pytest.mark.parametrize("records", [frozenset[str](), frozenset({"a"})])
def test_external_entities_are_refused_unread(
    secret: Path, listener: Listener, records: frozenset[str]
) -> None:
    for target in (secret.as_uri(), str(secret), listener.url, "file:///etc/passwd"):
        for declared in (
            f'<!ENTITY x SYSTEM "{target}">',
            f'<!ENTITY x PUBLIC "-//x//y" "{target}">',
            f'<!ENTITY % x SYSTEM "{target}"> %x;',
            f'<!ENTITY x SYSTEM "{target}" NDATA gif><!NOTATION gif SYSTEM "gif">',
        ):
            data = f"<!DOCTYPE a [{declared}]><a>&x;&leak;<b c='&leak;'/></a>".encode()
            assert errors(findings_of(data, records=records)) in (["XML_ENTITY"], ["XML_SYNTAX"]), data


@pytest.mark.parametrize("records", [frozenset[str](), frozenset({"a"})])
def test_a_dtd_is_named_and_never_loaded(secret: Path, listener: Listener, records: frozenset[str]) -> None:
    for target in (secret.as_uri(), str(secret), listener.url):
        for kind in (f'SYSTEM "{target}"', f'PUBLIC "-//x//y" "{target}"'):
            found = findings_of(f"<!DOCTYPE a {kind}><a><b/></a>".encode(), records=records)
            assert [finding.code for finding in found] == ["XML_DTD_NOT_LOADED"]
            assert target in found[0].message
            # what only the DTD would declare is no silence, but an error of the message
            used = findings_of(f"<!DOCTYPE a {kind}><a><b>&leak;</b></a>".encode(), records=records)
            assert errors(used) == ["XML_ENTITY"]


def test_the_dtd_of_this_test_would_leak_if_it_were_loaded(secret: Path) -> None:
    """Or else the tests above would prove nothing."""
    careless = etree.XMLParser(**{**PARSER_OPTIONS, "load_dtd": True, "attribute_defaults": True})
    careless.feed(f'<!DOCTYPE a SYSTEM "{secret}"><a/>'.encode())
    assert careless.close().get("leak") == MARK


def bomb(depth: int = 9, width: int = 10) -> str:
    entities = ['<!ENTITY l0 "lol">']
    entities += [f'<!ENTITY l{n} "{f"&l{n - 1};" * width}">' for n in range(1, depth + 1)]
    return "".join(entities)


@pytest.mark.parametrize(
    "document",
    [
        f"<!DOCTYPE a [{bomb()}]><a>&l9;</a>",
        f"<!DOCTYPE a [{bomb()}]><a x='&l9;'/>",
        f"<!DOCTYPE a [{bomb()}<!ATTLIST a x CDATA '&l9;'>]><a/>",
        '<!DOCTYPE a [<!ENTITY l "' + "x" * 100_000 + '">]><a>' + "&l;" * 100_000 + "</a>",
        "<!DOCTYPE a [<!ENTITY a '&b;'><!ENTITY b '&a;'>]><a>&a;</a>",
        "<!DOCTYPE a [<!ENTITY % p '<!ENTITY &#37; q \"%p;\">'> %p;]><a/>",
    ],
    ids=["text", "attribute", "default", "quadratic", "loop", "parameter"],
)
def test_entity_bombs_are_refused_at_once(document: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    assert errors(findings_of(document.encode())) in (["XML_ENTITY"], ["XML_SYNTAX"])
    assert time.process_time() - begun < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_xinclude_is_not_followed(secret: Path, listener: Listener) -> None:
    namespace = "http://www.w3.org/2001/XInclude"
    for target in (secret.as_uri(), listener.url):
        data = f'<a xmlns:xi="{namespace}">\n<b><xi:include href="{target}" parse="text"/></b></a>'.encode()
        [finding] = findings_of(data)
        assert (finding.code, finding.severity) == ("XML_XINCLUDE", Severity.ERROR)
        assert finding.place.line == 2


def test_schemas_and_stylesheets_that_a_file_names_are_left_alone(listener: Listener) -> None:
    data = (
        f'<?xml-stylesheet type="text/xsl" href="{listener.url}"?><a '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="urn:a {listener.url}" xsi:noNamespaceSchemaLocation="{listener.url}"/>'
    )
    assert findings_of(data.encode()) == []


def test_a_hostile_file_is_an_outcome_of_the_command_like_any_other(
    tmp_path: Path, secret: Path, listener: Listener
) -> None:
    registry = MappingRegistry(mappings_folder())
    order = "urn:oasis:names:specification:ubl:schema:xsd:Order-2"
    for number, document in enumerate(
        (
            f'<!DOCTYPE Order [<!ENTITY x SYSTEM "{secret.as_uri()}">]><Order xmlns="{order}">&x;</Order>',
            f"<!DOCTYPE Order [{bomb()}]><Order xmlns='{order}'>&l9;</Order>",
            f'<Order xmlns="{order}"><i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{listener.url}"/></Order>',
        )
    ):
        path = tmp_path / f"{number}.xml"
        path.write_text(document, encoding="utf-8")
        [result] = translate_file(path, registry)
        assert isinstance(result, FileResult)
        assert result.outcome is FileOutcome.REFUSED
        assert result.findings[0].code in ("XML_ENTITY", "XML_XINCLUDE")
        assert MARK not in str(result)


def test_an_element_of_many_attributes_is_read_in_no_time() -> None:
    many = " ".join(f'a{number}="1"' for number in range(100_000))
    (tree,) = XmlReader().read(f"<o><q {many}/></o>".encode(), name="f.xml")
    reads = Reads()
    started = time.process_time()
    found = UnreadFinder(reads, {}, None, None)(tree.root)
    assert 0 < len(found) <= ATTRIBUTES
    assert time.process_time() - started < 2


def test_errors_that_nobody_will_see_are_not_looked_for(tmp_path: Path) -> None:
    """The place of the n-th line costs n steps; 20,000 of them took ten times as long as everything else."""
    sample = (project_folder() / "samples/inbox/ubl_orders/01_good_order.xml").read_text()
    start, end = sample.index("<cac:OrderLine>"), sample.rindex("</cac:OrderLine>")
    line = sample[start : sample.index("</cac:OrderLine>")] + "</cac:OrderLine>"
    wrong = re.sub(r"(<cbc:Quantity[^>]*>)[^<]*", r"\1x", line)
    took = {}
    for name, one in (("right", line), ("wrong", wrong)):
        path = tmp_path / f"{name}.xml"
        path.write_text(sample[:start] + one * 20_000 + sample[end + len("</cac:OrderLine>") :])
        started = time.process_time()
        result = list(translate_file(path, MappingRegistry(mappings_folder())))[-1]
        took[name] = time.process_time() - started
    assert took["wrong"] < 9 * took["right"], took
    assert isinstance(result, FileResult)
    assert (result.outcome, len(result.findings)) == (FileOutcome.REFUSED, 200)
    assert all(finding.place.line for finding in result.findings)
