from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.yaml_file import MAX_SIZE, Block, Scalar, YamlError, load_yaml, parse_yaml, plain


def test_every_scalar_knows_its_place() -> None:
    tree = parse_yaml('a: 1\nb:\n  c: "x y"   # comment\n  d: [e, f]\n', name="m.yaml")
    assert isinstance(tree, Block)
    inner = tree.get("b")
    assert isinstance(inner, Block)
    value = inner.get("c")
    assert isinstance(value, Scalar)
    assert value.text == "x y"
    assert value.mark == (3, 7)  # after the quote
    assert value.at(2) == (3, 9)
    assert plain(tree) == {"a": 1, "b": {"c": "x y", "d": ["e", "f"]}}


def test_yaml_1_2_words() -> None:
    tree = parse_yaml("a: no\nb: yes\nc: true\nd: null\ne: 0123\nf: '1'\ng: 1.50", name="m")
    assert plain(tree) == {"a": "no", "b": "yes", "c": True, "d": None, "e": "0123", "f": "1", "g": "1.50"}


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("a: 1\nb: 2\na: 3", "second time", 3),
        ("a: &x 1", "Anchors", 1),
        ("a: 1\nb: *x", "Anchors", 2),
        ("a: !!python/object/apply:os.system [ls]", "tag", 1),
        ("a: !env HOME", "tag", 1),
        ("a: 1\n---\nb: 2", "several YAML documents", 2),
        ("a: [1, 2", "not YAML", 1),
        ("a:\n - b\n c", "not YAML", 3),
        ("? [a]\n: 1", "key must be a plain word", 1),
        ("", "empty", 1),
        ('a: "\\ud800"', "surrogate", 1),
        ("a: 1\nü: \x07", "unacceptable character #x0007", 2),
    ],
)
def test_what_is_refused(text: str, what: str, line: int) -> None:
    with pytest.raises(YamlError, match=what) as caught:
        parse_yaml(text, name="m.yaml")
    assert caught.value.place is not None
    assert caught.value.place.file == "m.yaml"
    assert caught.value.place.line == line


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    with pytest.raises(YamlError, match="aliases"):
        parse_yaml("\n".join(lines), name="m")


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " * 3_000, "- " * 50_000, "{a: " * 10_000])
def test_depth_is_refused_without_a_recursion_error(text: str) -> None:
    with pytest.raises(YamlError):
        parse_yaml(text, name="m")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match="cannot be read"):
        load_yaml(tmp_path / "none.yaml")
    with pytest.raises(YamlError, match="cannot be read"):
        load_yaml(tmp_path)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_SIZE + 1))
    with pytest.raises(YamlError, match="at most"):
        load_yaml(large)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: 1\nb: M\xfcnster\n")
    with pytest.raises(YamlError, match="not UTF-8") as caught:
        load_yaml(latin)
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.offset) == (2, 9)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@`, \n\t0\\?~", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_yaml(text, name="m")
    except YamlError as error:
        assert error.todo


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_yaml(data, name="m")
    except YamlError as error:
        assert error.todo
