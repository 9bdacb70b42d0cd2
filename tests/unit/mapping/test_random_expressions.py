"""Expressions made by chance: what is written back reads the same, nothing but an ExpressionError comes of nonsense, and
the trace tells what the run did."""

from __future__ import annotations

import random

from mapping_samples import CSV_FIELDS, CSV_HEAD, compiled, csv_trees

from orderhub.mapping.expressions import Text, parse_expression
from orderhub.mapping.given import Given
from orderhub.mapping.language import _plain_expression
from orderhub.mapping.tokens import ExpressionError
from orderhub.mapping.trace import trace_field
from orderhub.mapping.wording import written

WORDS = [
    "note",
    "no",
    "kind",
    "qty",
    "when",
    "otherwise",
    "in",
    "not",
    "and",
    "or",
    "(",
    ")",
    ",",
    "|",
    "?",
    "==",
    "!=",
    "<",
    "=",
    '"A"',
    "1",
    "true",
    "agreement",
    "agreement(unit)",
    "interchange(test)",
    "present(",
    "absent(",
    "count(",
    "list(",
    "lookup(",
    "units",
    "on=",
    "date",
    "decimal",
    "first",
    'one_of("A")',
    "upper",
    "/note",
]
ROWS = (
    "no;date;buyer;supplier;line;item;qty;unit;note;kind;price\n"
    "7;2026-01-30;B;S;1;I;2;PCE;A;x;3\n"
    "8;2026-01-31;B;S;1;I;2;PCE;;;\n"
    "9;2026-02-01;B;S;1;I;2;KG;b;A;9\n"
)
GIVEN: Given = {"unit": "PCE"}


def test_words_in_any_order() -> None:
    chance = random.Random(20261123)
    read = 0
    for _ in range(20_000):
        text = " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, 9)))
        try:
            expression = parse_expression(text)
        except ExpressionError as error:
            assert 0 <= error.offset <= len(text)
            continue
        read += 1
        again = parse_expression(written(expression))
        assert _plain_expression(again) == _plain_expression(expression), text
    assert read > 1_000


def value(chance: random.Random, depth: int) -> str:
    """An expression that gives one text."""
    if depth <= 0:
        return chance.choice(
            ["note", "kind", "unit", "price", '"A"', '"x"', "agreement(unit)", "agreement(buyer_name)"]
        )
    inner = depth - 1
    made = chance.randrange(7)
    if made == 0:
        return f"({value(chance, inner)} when {condition(chance, inner)} otherwise {value(chance, inner)})"
    if made == 1:
        return f"({value(chance, inner)} when {condition(chance, inner)})"
    if made == 2:
        return f"({value(chance, inner)}) ? ({value(chance, inner)})"
    if made == 3:
        return f"({value(chance, inner)}) | {chance.choice(['upper', 'lower', 'trim', 'slice(1, 1)', 'lookup(units, keep)', 'lookup(units, absent)', 'lookup(units)'])}"
    if made == 4:
        return f"(list({value(chance, inner)}, {value(chance, inner)}) | {chance.choice(['first', 'last', 'join'])})"
    if made == 5:
        return f"({condition(chance, inner)}) | text"
    return value(chance, 0)


def condition(chance: random.Random, depth: int) -> str:
    made = chance.randrange(6) if depth > 0 else chance.randrange(3)
    inner = depth - 1
    if made == 0:
        return f"present({value(chance, inner)})"
    if made == 1:
        return f"({value(chance, inner)}) {chance.choice(['==', '!=', '<'])} ({value(chance, inner)})"
    if made == 2:
        return (
            f'({value(chance, inner)}) {chance.choice(["in", "not in"])} ("A", "C62", {value(chance, inner)})'
        )
    if made == 3:
        return f"({condition(chance, inner)}) {chance.choice(['and', 'or'])} ({condition(chance, inner)})"
    if made == 4:
        return f"not ({condition(chance, inner)})"
    return f"absent({value(chance, inner)})"


def test_the_trace_tells_what_the_run_did() -> None:
    chance = random.Random(7)
    refused = absent = there = 0
    for _ in range(120):
        text = f"({value(chance, 3)})"
        if isinstance(parse_expression(text), Text):
            continue  # that is written {const: …}
        mapping, findings = compiled(CSV_HEAD + CSV_FIELDS.replace("note: note", f"note: '{text}'"))
        assert mapping is not None, (text, findings)
        expression = parse_expression(text)
        assert _plain_expression(parse_expression(written(expression))) == _plain_expression(expression)
        for tree in csv_trees(mapping, ROWS):
            result = mapping.run(tree, GIVEN)
            errors = [finding for finding in result.findings if finding.field == "note"]
            traced = trace_field(mapping, tree, "note", GIVEN)
            if errors:
                refused += 1
                assert traced.value is None and traced.error is not None, text
                assert traced.error in errors[0].message or errors[0].code == "VALUE_SEVERAL"
            else:
                made = getattr(result.document, "note", None)
                assert (traced.value, traced.error) == (made, None), text
                absent += made is None
                there += made is not None
    assert min(refused, absent, there) > 2, (refused, absent, there)
