"""pydifact's classes give the same on the hub's tokenizer as on their own."""

from __future__ import annotations

import warnings

import pytest
from edifact_samples import RICH, order, wrap
from pydifact.exceptions import EDISyntaxError
from pydifact.segmentcollection import Interchange

from orderhub.formats.edifact.pydifact_parser import PydifactParser
from orderhub.formats.generate import generate

GOOD = {
    "rich": wrap(RICH).decode("latin-1"),
    "generated": b"".join(generate("edifact", orders=3, lines=4, seed=1)).decode("latin-1"),
    "una": wrap(order("FTX+AAI+++50?% off?: ?'now?'"), una="UNA:+.? '").decode("latin-1"),
    "own delimiters": "UNA|^.! ~UNB^UNOC|3^A^B^260105|0930^1~UNH^1^ORDERS|D|96A|UN~BGM^220^P!^1!~2||^9~UNT^3^1~UNZ^1^1~",
    "empty components": wrap(order("FTX+AAI+++:::x:", "RFF+ON:")).decode("latin-1"),
    "crlf": wrap(order()).decode("latin-1").replace("\n", "\r\n"),
}


@pytest.mark.parametrize("name", GOOD)
def test_same_segments_as_pydifacts_own_parser(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Interchange.from_str(GOOD[name])
        ours = Interchange.from_str(GOOD[name], parser=PydifactParser())
        assert [(s.tag, s.elements) for s in ours.segments] == [(s.tag, s.elements) for s in theirs.segments]
        assert ours.serialize() == theirs.serialize()
        assert [(m.type, m.reference_number, len(m.segments)) for m in ours.get_messages()] == [
            (m.type, m.reference_number, len(m.segments)) for m in theirs.get_messages()
        ]
        assert (ours.sender, ours.recipient, ours.control_reference) == (
            theirs.sender,
            theirs.recipient,
            theirs.control_reference,
        )


def test_a_cut_file_is_an_error_of_pydifacts_kind() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(EDISyntaxError):
            Interchange.from_str(GOOD["rich"][:-20], parser=PydifactParser())
