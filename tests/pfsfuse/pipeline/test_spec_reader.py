"""How text becomes values with places: JSON and YAML, and what of them is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.errors import SpecError
from pfsfuse.pipeline.reader import Ambiguous, Node, read_documents


def plain(node: Node) -> object:
    match node.value:
        case dict() as members:
            return {key: plain(member.value) for key, member in members.items()}
        case tuple() as items:
            return [plain(item) for item in items]
        case value:
            return value


def documents(text: str) -> list[object]:
    return [plain(node) for node in read_documents(text, "spec")]


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        read_documents(text, "spec")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('{"a": [1, "x", true, null, -2.5]}', [{"a": [1, "x", True, None, -2.5]}]),
        ('{"a": 1} {"b": 2}\n[3]', [{"a": 1}, {"b": 2}, [3]]),
        ('\ufeff{"a": "\\u00e9\\ud83d\\ude00"}', [{"a": "é😀"}]),
        ("a: [1, x, true, ~, -2.5]", [{"a": [1, "x", True, None, -2.5]}]),
        ("a: 1\n---\nb: 2\n---\n", [{"a": 1}, {"b": 2}]),
        ("{a: 1, b: [x,],}", [{"a": 1, "b": ["x"]}]),
        ("a: |\n  one\n  two\n", [{"a": "one\ntwo\n"}]),
        ("a: 'yes'\nb: \"010\"\nc: !!str 1", [{"a": "yes", "b": "010", "c": "1"}]),
        ("NO: x\n1: y", [{"NO": "x", "1": "y"}]),
        ("a: &x {k: v}\nb: *x", [{"a": {"k": "v"}, "b": {"k": "v"}}]),
        ("# nothing\n", []),
        ("", []),
    ],
)
def test_json_and_yaml_are_told_apart_by_what_is_written(text, meaning):
    assert documents(text) == meaning


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("yes", "a truth value"),
        ("NO", "a truth value"),
        ("off", "a truth value"),
        ("2016-07-31", "a time"),
        ("2016-07-31 12:00:00", "a time"),
        ("1:30", "a number in base 60"),
        ("010", "a number in another base"),
        ("0o10", "a number in another base"),
        ("0x1F", "a number in another base"),
        ("1_000", "a number"),
        ("+5", "a number"),
        (".5", "a number"),
        ("1.", "a number"),
        (".inf", "a number"),
        ("=", "an instruction to the reader"),
    ],
)
def test_words_that_yaml_readers_disagree_about_are_not_guessed(word, meaning):
    assert documents(f"a: {word}") == [{"a": Ambiguous(word, meaning)}]


def test_places_count_lines_and_characters_from_one():
    (node,) = read_documents('{\n  "é": "x",\n  "b": [1, 22]\n}', "spec")
    assert isinstance(node.value, dict)
    member = node.value["b"]
    assert (member.line, member.column) == (3, 3)
    assert isinstance(member.value.value, tuple)
    assert (member.value.value[1].line, member.value.value[1].column) == (3, 12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1 "b": 2}', "spec:1:9: not valid JSON: expected ',' or '}', found '\"'"),
        ('{"a": }}', "spec:1:7: not valid JSON: expected a value, found '}'"),
        ('{"a": "x', "spec:1:7: not valid JSON: unterminated string starting"),
        ('{"a": 1', "spec:1:8: not valid JSON: expected ',' or '}', found the end"),
        ('{"a": 1}}', "spec:1:9: not valid JSON: expected a value, found '}'"),
        ("a: [1\nb: 2", "spec:2:2: not valid YAML: did not find expected ',' or ']'"),
        ("a: b: c", "spec:1:5: not valid YAML: mapping values are not allowed in this context"),
        ("a:\n\t- b", "spec:2:1: not valid YAML: found character that cannot start any token"),
        ("a: \x01", "spec:1:4: not valid YAML: a control character that YAML does not allow"),
        ("a: 1\nb: \udcff", "spec:2:4: not a text file: a byte that is not UTF-8, or a NUL"),
        ("a: \0", "spec:1:4: not a text file: a byte that is not UTF-8, or a NUL"),
        ('{"a": {"b": 1, "b": 2}}', "spec:1:16: a.b: given twice (first at 1:8)"),
        ("a:\n- {}\n- b: 1\n  b: 2", "spec:4:3: a[1].b: given twice (first at 3:3)"),
        ('{"a": "\\ud800"}', "spec:1:7: a: holds half of a surrogate pair, which is no character"),
        ("a: *b", "spec:1:4: a: the alias *b stands for nothing written before it"),
        ("a: &b [*b]", "spec:1:8: a[0]: the alias *b stands for nothing written before it"),
        ("a: &b x\n---\na: *b", "spec:3:4: a: the alias *b stands for nothing written before it"),
        ("a: {<<: {b: 1}}", "spec:1:5: a: merging with << is not supported; write the fields out"),
        (
            "a: !!python/name:os.system x",
            "spec:1:4: a: the tag 'tag:yaml.org,2002:python/name:os.system' is not",
        ),
        ("a: !!binary eA==", "spec:1:4: a: the tag 'tag:yaml.org,2002:binary' is not supported"),
        ('{"a\\nb": 1, "a\\nb": 1}', "spec:1:13: a\\nb: given twice (first at 1:2)"),
        ("a: !<x%0Ay> 1", "spec:1:4: a: the tag 'x\\ny' is not supported"),
        ("? [a]\n: b", "spec:1:3: expected the name of a field"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, message):
    assert refusal(text).startswith(message)


ALIASES = "a0: &a0 x\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ALIASES, "too large for a specification once its aliases are written out"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("a: " + "[" * 500 + "]" * 500, "nested too deeply"),
        ("- " * 10_000, "nested too deeply"),
        ("[" + "1," * 300_000 + "1]", "too large"),
        ("- 1\n" * 250_000, "too large"),
        ("x" * 2_000_000, "too large"),
        ('{"a": ' + "9" * 900_000 + "}", ""),
    ],
)
def test_bombs_are_refused(text, why):
    if why:
        assert why in refusal(text)
    else:
        documents(text)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc\n\"'é", max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(values, st.sampled_from([None, 1]))
def test_json_means_what_it_means_to_everybody(value, indent):
    text = json.dumps(["\u00e9", value], indent=indent)
    assert documents(text) == [["é", value]]


def complaint(read: Callable[[], object]) -> str:
    """What reading was refused with; "" when it went well. Anything but SpecError fails the test."""
    try:
        read()
    except SpecError as error:
        return str(error)
    return ""


@given(st.text() | st.text(alphabet="{}[]:,\"'-|>&*!?#%@ \n\tab1.<=~\\u\x85\u2028", max_size=40))
def test_arbitrary_text_is_read_or_refused(text):
    said = complaint(lambda: read_documents(text, "spec"))
    assert said == "" or said.startswith("spec:")
    assert "\n" not in said
