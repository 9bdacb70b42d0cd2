"""What all contract tests share: what a subclass gives, and what a test says of itself for the table of connectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest

from orderhub.connector import Bookmark, Capability, Connector, Interchange, LoadItem, OutcomeState
from orderhub.connector_registry import registry
from orderhub.testing.parts import Failure, PortsForTests, load_item, sample_order

Settings = dict[str, Any]
#: Puts something at the source: name and bytes.
Arrive = Callable[[str, bytes], object]
#: How many effects the target has under each key, asked in a way of its own, not through the connector.
Effects = Callable[[Sequence[str]], dict[str, int]]
#: What lies at the other side for the partner, by name, asked in a way of its own.
Replies = Callable[[], dict[str, bytes]]
#: While it is entered, the target fails at its n-th step (from 0). What it gives says whether it came to that.
FailAt = Callable[[int], AbstractContextManager[Failure]]

#: More steps than any load of five documents has.
STEPS = 60
DONE = (OutcomeState.WRITTEN, OutcomeState.UNCHANGED)

#: Names of what a test tells the report (``user_properties``), read by ``orderhub.testing.matrix``.
PEER = "orderhub_peer"
NOT_SHOWN = "orderhub_not_shown"
PARTLY = "orderhub_partly_shown"

Test = TypeVar("Test", bound=Callable[..., Any])


def needs(capability: Capability) -> Callable[[Test], Test]:
    """Marks a test that only connectors with these capabilities have; the last one is what it shows."""

    def mark(test: Test) -> Test:
        test.needs = capability  # type: ignore[attr-defined]  # read by __init_subclass__ and the table
        return test

    return mark


class ContractBase:
    """The fixtures of all contract tests; see ``ConnectorContract``."""

    connector: ClassVar[str]
    stream: ClassVar[str] = "orders"
    _properties: list[tuple[str, object]]

    def __init_subclass__(cls) -> None:
        """Leave out the tests of capabilities that the manifest does not declare."""
        super().__init_subclass__()
        name = getattr(cls, "connector", None)
        if name is None:
            return
        capabilities = registry().manifest(name).capabilities
        for attribute in dir(cls):
            needed = getattr(getattr(cls, attribute), "needs", None)
            if isinstance(needed, Capability) and needed not in capabilities:
                setattr(cls, attribute, None)

    @pytest.fixture(autouse=True)
    def _tells_of_its_peer(self, request: pytest.FixtureRequest) -> None:
        self._properties = request.node.user_properties
        given = getattr(type(self), "peer", None)
        peer = given if isinstance(given, str) else request.getfixturevalue("peer")
        if peer:
            self._properties.append((PEER, str(peer)))

    def not_shown(self, why: str, *, partly: bool = False) -> None:
        """Say in the table of connectors that a test passed without showing what it is there for, or a part of it."""
        self._properties.append((PARTLY if partly else NOT_SHOWN, why))

    @pytest.fixture
    def peer(self) -> str:
        """What the connector is tested against, with its version: ``peer = "OpenSSH 9.2"`` in the class, or a fixture
        that asks the server."""
        return ""

    @pytest.fixture
    def settings(self) -> Settings:
        return {}

    @pytest.fixture
    def ports(self) -> PortsForTests:
        return PortsForTests()

    @pytest.fixture
    def state(self) -> Callable[[], object]:
        return lambda: None

    @pytest.fixture
    def unreachable(self) -> tuple[Settings, PortsForTests] | None:
        """Settings and ports with which the other side cannot be reached; None where there is no such thing."""
        return None

    @pytest.fixture
    def arrive(self) -> Arrive:
        raise NotImplementedError(
            "give a fixture `arrive`: a callable (name, data) that puts it at the source"
        )

    @pytest.fixture
    def content(self) -> Callable[[bytes], bytes]:
        """What ``arrive`` put in, read from the bytes of an interchange: the bytes themselves, unless the source wraps them
        (a page of rows, an envelope)."""
        return lambda data: data

    @pytest.fixture
    def effects(self) -> Effects:
        raise NotImplementedError(
            "give a fixture `effects`: a callable (keys) -> {key: how often it is there}"
        )

    @pytest.fixture
    def fail_at(self) -> FailAt | None:
        return None

    @pytest.fixture
    def replies(self) -> Replies:
        raise NotImplementedError(
            "give a fixture `replies`: a callable () -> {name: bytes} of what lies there"
        )

    @pytest.fixture
    def reply_fails_at(self) -> FailAt | None:
        return None

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        """Five documents that the target takes."""
        return [load_item(sample_order(f"CT-{number}"), source=number) for number in range(1, 6)]

    @pytest.fixture
    def unacceptable(self) -> LoadItem | None:
        """A document that the target will never take."""
        return None

    @pytest.fixture
    def make(self, settings: Settings, ports: PortsForTests) -> Iterator[Callable[[], Connector[Any]]]:
        """Builds fresh connectors, as another process would, and closes them."""
        made: list[Connector[Any]] = []

        def build() -> Connector[Any]:
            made.append(registry().create(self.connector, settings, ports))
            return made[-1]

        yield build
        for connector in made:
            connector.close()


def arrivals_of(arrive: Arrive, count: int) -> list[bytes]:
    """Let so many things arrive; their bytes."""
    contents = [f"content {number}".encode() for number in range(count)]
    for number, content in enumerate(contents):
        arrive(f"order-{number}.txt", content)
    return contents


def data_of(found: list[Interchange]) -> list[bytes]:
    """The bytes of what was pulled."""
    return [interchange.data for interchange in found if interchange.data is not None]


def through_json(bookmark: Bookmark) -> Bookmark:
    """The bookmark as the ledger gives it back."""
    kept: Bookmark = msgspec.json.decode(msgspec.json.encode(bookmark))
    return kept


def as_kept(interchange: Interchange) -> Interchange:
    """The interchange as another process has it: from the ledger, without its bytes."""
    return msgspec.json.decode(
        msgspec.json.encode(msgspec.structs.replace(interchange, data=None)), type=Interchange
    )
