from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.mapping.expressions import (
    MAX_DEPTH,
    Call,
    Compare,
    ExpressionError,
    Fallback,
    Logic,
    Number,
    Path,
    Pipe,
    Text,
    parse_expression,
)


def test_fallback_binds_tighter_than_pipe() -> None:
    parsed = parse_expression('QTY[21]/C186/6411 ? "PCE" | lookup(unit_of_measure)')
    assert isinstance(parsed, Pipe)
    assert isinstance(parsed.head, Fallback)
    assert parsed.head.options == (Path("QTY[21]/C186/6411", 0), Text("PCE", 20))
    assert parsed.calls[0].arguments == (Path("unit_of_measure", 35),)


@pytest.mark.parametrize(
    "path",
    [
        "BGM/1004",
        "/BGM/1004",
        "NAD/C082[3055=9]/3039",
        "NAD/C059/3042#2",
        "PIA/C212[7143='IN x']/7140",
        "PO1{UP}",
        "N1[ST]/N104",
        "./@id",
        "cac:BuyerParty/cbc:Name[@lang='de | en']",
        'col("Order No")',
        'col("a ) \\" b")',
        "cust-no",
        "数量",
        "$.order.lines",
    ],
)
def test_paths_are_cut_out_whole(path: str) -> None:
    parsed = parse_expression(f"{path} | trim")
    assert isinstance(parsed, Pipe)
    assert parsed.head == Path(path, 0)


def test_conditions() -> None:
    parsed = parse_expression("count(lines) == CNT[2]/C270/6066 and (a < 3 or not b)")
    assert isinstance(parsed, Logic)
    left, right = parsed.parts
    assert left == Compare("==", Call("count", (Path("lines", 6),), 0), Path("CNT[2]/C270/6066", 16), 0)
    assert isinstance(right, Logic)
    assert right.operator == "or"
    assert right.parts[0] == Compare("<", Path("a", 38), Number("3", 42), 38)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("a b", 2),
        ("a ?", 3),
        ("NAD[BY/3039", 3),
        ('"x', 0),
        ('a | "b"', 4),
        ("a == b == c", 7),
        ("3x", 0),
        ("x | f ? y", 6),
        ("f(a", 3),
        ("(a", 0),
        ("a)", 1),
        ("a = b", 2),
        ("a & b", 2),
        ('"a\\n"', 2),
        ("col(x)", 0),
        ("a | and", 4),
        ("and", 0),
        ("1.5.2", 0),
        ("X[a[b]]", 3),
    ],
)
def test_wrong_expressions_are_refused_where_they_are_wrong(text: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert caught.value.offset == offset
    assert caught.value.todo


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "a" + ")" * 5_000,
        "not " * 3_000 + "a",
        "f(" * 1_000 + "a" + ")" * 1_000,
        "a" + " | trim" * 500,
        "a" + " ? a" * 900,
        "x" * 5_000,
    ],
)
def test_depth_and_length_are_bounded(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


def test_depth_that_people_write_is_allowed() -> None:
    depth = MAX_DEPTH - 1
    parse_expression("(" * depth + "a" + ")" * depth)


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_expression(text)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(text)


_pieces = st.sampled_from(
    [
        "a",
        "LIN/1082",
        "NAD[BY]",
        '"x"',
        "'y'",
        "12",
        "-1.5",
        "(",
        ")",
        "|",
        "?",
        ",",
        "==",
        "<=",
        "and",
        "or",
        "not",
        "true",
        "[",
        "]",
        "{",
        "}",
        "col(",
        "trim",
        "count(",
        " ",
        "#2",
        "/",
        ".",
        "@id",
        "=",
        "\\",
        '"',
    ]
)


@given(st.lists(_pieces, max_size=60).map("".join))
def test_any_mix_of_the_language_is_parsed_or_refused(text: str) -> None:
    try:
        parse_expression(text)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(text)
