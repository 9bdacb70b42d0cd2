"""X12 as the hub writes it: fixed ISA, counts and control numbers that agree, nothing that cannot be read again."""

from __future__ import annotations

import datetime as dt

import pytest

from orderhub.errors import SourceError
from orderhub.formats.x12.writer import Party, X12Writer

NOW = dt.datetime(2026, 1, 5, 9, 30, tzinfo=dt.UTC)


def write(writer: X12Writer, *sets: bytes) -> bytes:
    group = writer.group("FA", sets, sender="HUB", receiver="DELTA", control_number="7", prepared_at=NOW)
    return b"".join(
        writer.interchange(
            [group],
            sender=Party("4299999000009", "14"),
            receiver=Party("DELTASTORES"),
            control_number=12,
            prepared_at=NOW,
            test=True,
        )
    )


def test_envelopes_count_what_they_hold_and_repeat_their_numbers() -> None:
    writer = X12Writer("004010")
    data = write(writer, writer.transaction("997", "0001", [("AK1", "PO", "1"), ("AK9", "A", "1", "1", "1")]))
    segments = data.decode("ascii").split("~")
    assert len(segments[0]) + 1 == 106
    assert segments[0] == (
        "ISA*00*          *00*          *14*4299999000009  *ZZ*DELTASTORES    *260105*0930*U*00401*000000012*0*T*:"
    )
    assert segments[1] == "GS*FA*HUB*DELTA*20260105*0930*7*X*004010"
    assert segments[2:6] == ["ST*997*0001", "AK1*PO*1", "AK9*A*1*1*1", "SE*4*0001"]
    assert segments[6:] == ["GE*1*7", "IEA*1*000000012", ""]


def test_from_00402_on_isa_names_the_repetition_separator() -> None:
    assert write(X12Writer("005010")).split(b"*")[11:13] == [b"^", b"00501"]


def test_what_is_empty_at_the_end_is_left_out() -> None:
    writer = X12Writer()
    assert writer.segment("AK4", ("2", "1", ""), "", "7", "") == "AK4*2:1**7~"
    assert writer.segment("SE") == "SE~"


@pytest.mark.parametrize("value", ["a*b", "a~b", "a:b"])
def test_a_separator_in_a_value_is_refused_because_nothing_could_release_it(value: str) -> None:
    with pytest.raises(SourceError, match="separator"):
        X12Writer().segment("MSG", value)


def test_identifications_that_isa_has_no_room_for_are_refused() -> None:
    writer = X12Writer()
    with pytest.raises(SourceError, match="15 characters"):
        list(
            writer.interchange(
                [], sender=Party("X" * 16), receiver=Party("Y"), control_number=1, prepared_at=NOW
            )
        )
