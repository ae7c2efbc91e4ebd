"""Which paths a glob stands for, and how they are found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import compile_glob, iter_matches
from pfsfuse.pipeline.glob import compile_template
from pfsfuse.pipeline.glob.grammar import Char, Choice, Group, OneOf, Run, parse_glob


def matched(glob: str, paths: str) -> str:
    compiled = compile_glob(glob)
    return " ".join(path for path in paths.split() if compiled.matches(path.strip("/").encode()))


@pytest.mark.parametrize(
    ("glob", "paths", "those"),
    [
        ("/", "/ a a/b", "/"),
        ("", "/ a", "/"),
        ("/*", "/ a b.csv a/b", "a b.csv"),
        ("*", "/ a b.csv a/b", "a b.csv"),
        ("/*/*", "a a/b a/b/c", "a/b"),
        ("/**", "/ a a/b a/b/c", "a a/b a/b/c"),
        ("/a/**", "a a/b a/b/c ab", "a/b a/b/c"),
        ("/**.csv", "x.csv a/y.csv a/b/z.csv a/z", "x.csv a/y.csv a/b/z.csv"),
        ("/a***c", "abc a/b/c ac", "abc a/b/c ac"),
        ("/2016-*.csv", "2016-1.csv 2016-.csv 2017-1.csv 2016-1/a.csv", "2016-1.csv 2016-.csv"),
        ("/?", "a ab é 文", "a é 文"),
        ("/[a-c]", "a b c d", "a b c"),
        ("/[!a-c]", "a d /", "d"),
        ("/[^a]", "a d", "d"),
        ("/a[!b]c", "abc axc a/c", "axc a/c"),
        ("/[a-]", "a - b", "a -"),
        (r"/[\]x]", "] x y", "] x"),
        ("/[[:digit:]_]", "1 _ a", "1 _"),
        ("/{a,b}", "a b c", "a b"),
        ("/{a,b/c}/d", "a/d b/c/d b/d", "a/d b/c/d"),
        ("/{a,b{1,2*}}", "a b1 b2x b3", "a b1 b2x"),
        ("/x{,y}", "x xy xz", "x xy"),
        ("{/a,b}", "a b", "a b"),
        ("/a,b", "a,b a b", "a,b"),
        (r"/\*", "* a", "*"),
        (r"/a\{b\,c\}", "a{b,c} ab", "a{b,c}"),
        (r"/\(1\)", "(1) 1", "(1)"),
        ("/[[:^digit:]]", "1 a /", "a"),
        ("/[![:digit:]]", "1 a", "a"),
        ("/a[[:cntrl:][:digit:]]", "a1 aa", "a1"),
        ("/@(a|b)", "a b c ab a|b", "a b"),
        ("/(a|b).csv", "a.csv b.csv c.csv", "a.csv b.csv"),
        ("/a|b", "a|b a b", "a|b"),
        ("/*(a|b)", "/ a b abba c abc", "a b abba"),
        ("/x*(a)", "x xaa xb", "x xaa"),
        ("/+(a|b)x", "x ax abx acx", "ax abx"),
        ("/x?(a|b)", "x xa xb xab", "x xa xb"),
        ("/!(a|b)", "a b c ab / a/c", "c ab"),
        ("/!(*.tmp)", "a.tmp a.csv .tmp", "a.csv"),
        ("/!(foo).txt", "foo.txt food.txt .txt bar.txt", "food.txt .txt bar.txt"),
        ("/!(a)/*", "a/x b/x ab/x", "b/x ab/x"),
        ("/!(!(a))", "a b", "a"),
        ("/**(a)", "xaa xb a", "xaa xb a"),
        ("/@(a/b|c)", "a/b c a b", "a/b c"),
        ("/({a,b}*|[0-9])", "a bx 7 77 c", "a bx 7"),
        ("(/a|/b)", "a b", "a b"),
        ("/(a/)", "a a/b", "a"),
        ("/a@b+c!d", "a@b+c!d", "a@b+c!d"),
        ("//a///b/", "a/b a", "a/b"),
        ("{a/,b/}", "a b", "a b"),
        ("/.*", ".hidden a", ".hidden"),
    ],
)
def test_a_glob_describes_whole_paths_from_the_root(glob, paths, those):
    assert matched(glob, paths) == those


@pytest.mark.parametrize(
    ("glob", "path", "captured"),
    [
        ("/(*).csv", "a.csv", ("a",)),
        ("/(*)-(*).csv", "a-b-c.csv", ("a-b", "c")),
        ("/*(a|b)x", "abbax", ("abba",)),
        ("/+(a|bb)*", "abbab", ("abba",)),
        ("/x?(a)", "x", ("",)),
        ("/@(a|ab)(*)", "abc", ("a", "bc")),
        ("/!(a).csv", "b.csv", ("b",)),
        ("/((*)-(*))/(**)", "1-2/c/d", ("1-2", "1", "2", "c/d")),
        ("/(a|(b))", "a", ("a", "")),
        ("/(a|(b))", "b", ("b", "b")),
        ("/*((a)|b)", "ab", ("ab", "a")),
        ("/{x,(y)}(z)", "xz", ("", "z")),
        ("/({a,b})", "b", ("b",)),
        ("/!((a)|b)(*)", "c", ("c", "", "")),
        ("/(*)", "\udcff", ("\udcff",)),
        ("/(*(*))", "", None),
        ("/(a)", "b", None),
    ],
)
def test_groups_capture_what_they_stand_for_numbered_by_their_opening_parentheses(glob, path, captured):
    assert compile_glob(glob).captures(os.fsencode(path)) == captured


@pytest.mark.parametrize(
    ("template", "filled"),
    [("$1", "a"), ("${1}0", "a0"), ("$2-$1", "b-a"), ("$$1", "$1"), ("$0", "/a-b"), ("x", "x")],
)
def test_a_template_is_filled_with_what_was_captured(template, filled):
    assert compile_template(template, 2).fill("/a-b", ("a", "b")) == filled


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("$3", "there is no $3; the glob has 2 captures"),
        ("$10", "no $10"),
        ("$", "$$ for"),
        ("${x}", "$$ for"),
    ],
)
def test_a_template_that_asks_for_what_is_not_captured_is_refused(template, why):
    with pytest.raises(SpecError) as caught:
        compile_template(template, 2)
    assert why in str(caught.value)


def test_a_byte_that_is_not_utf8_counts_as_one_character():
    assert compile_glob("/a?c").matches(b"a\xffc")
    assert not compile_glob("/a?c").matches(b"a\xff\xfec")


@pytest.mark.parametrize(
    ("glob", "at", "why"),
    [
        ("/a[b", 3, "this bracket is never closed"),
        ("/a{b,c", 3, "this brace is never closed"),
        ("/{a,{b}", 2, "this brace is never closed"),
        ("/a}", 3, "'}' closes nothing"),
        ("/a]", 3, "']' closes nothing"),
        ("/{a]}", 4, "']' closes nothing"),
        ("/[]", 3, "nothing in the brackets"),
        ("/[z-a]", 3, "a range from 'z' back to 'a'"),
        ("/[[:vowel:]]", 3, "no such class"),
        ("/a\\", 3, "a backslash with nothing after it"),
        ("/[a\\", 4, "a backslash with nothing after it"),
        ("/@(a|b", 2, "this parenthesis is never closed"),
        ("/(a|(b)", 2, "this parenthesis is never closed"),
        ("/a)", 3, "')' closes nothing"),
        ("/(a]", 4, "']' closes nothing"),
        ("/(a}b)", 4, "'}' closes nothing"),
        ("/{a)b}", 4, "')' closes nothing"),
        ("/" + "+(" * 40, 67, "braces or parentheses inside one another"),
        ("/a/../b", 4, "'..' is never a name"),
        ("./a", 1, "'.' is never a name"),
        ("/a\0", 3, "NUL"),
        ("/\ud800", 2, "half of a surrogate pair"),
        ("/" + "{a," * 40, 98, "braces or parentheses inside one another"),
    ],
)
def test_a_bad_glob_is_refused_at_the_character_that_broke_it(glob, at, why):
    with pytest.raises(SpecError) as caught:
        compile_glob(glob)
    assert f"character {at}: " in str(caught.value)
    assert why in str(caught.value)


def test_a_glob_is_at_most_4096_characters():
    compile_glob("/" + "a" * 4095)
    with pytest.raises(SpecError, match="at most 4096"):
        compile_glob("/" + "a" * 4096)


@given(st.text(alphabet="ab/.*?[]{}!^-,\\()@+:|", max_size=30))
def test_arbitrary_text_is_a_glob_or_a_spec_error(text):
    try:
        glob = compile_glob(text)
    except SpecError:
        return
    glob.matches(b"a/b")


# ---- against a slow and obvious reference: braces written out, then plain backtracking

ATOMS = (
    "a",
    "b",
    "c",
    "*",
    "**",
    "?",
    "[ab]",
    "[!a]",
    "[a-b]",
    "{a,b}",
    "{a*,b/c}",
    "{,c}",
    "{?,{b,c}a}",
    r"\*",
    r"\a",
)
globs = st.lists(
    st.lists(st.sampled_from(ATOMS), min_size=1, max_size=3).map("".join), min_size=1, max_size=3
).map("/".join)
names = st.text(alphabet="abc*", min_size=1, max_size=3)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


def written_out(glob: str) -> list[str]:
    """Every glob without braces that `glob` stands for; NULs keep apart the stars that were apart."""
    open_at = glob.find("{")
    if open_at < 0:
        return [glob]
    depth, start, branches = 0, open_at + 1, []
    for at in range(open_at, len(glob)):
        depth += {"{": 1, "}": -1}.get(glob[at], 0)
        if (glob[at] == "," and depth == 1) or depth == 0:
            branches.append(glob[start:at])
            start = at + 1
        if depth == 0:
            break
    head, tails = glob[:open_at], written_out(glob[start:])
    return [
        f"{head}\0{middle}\0{tail}"
        for branch, tail in product(branches, tails)
        for middle in written_out(branch)
    ]


def backtrack(glob: str, text: str) -> bool:
    if not glob:
        return not text
    if glob[0] == "\0":
        return backtrack(glob[1:], text)
    if glob.startswith("**"):
        rest = glob.lstrip("*")
        return any(backtrack(rest, text[i:]) for i in range(len(text) + 1))
    if glob[0] == "*":
        return backtrack(glob[1:], text) or (text[:1] not in ("", "/") and backtrack(glob, text[1:]))
    if not text:
        return False
    if glob[0] == "[":
        end = glob.index("]")
        inside = {"ab": "ab", "!a": "a", "a-b": "ab"}[glob[1:end]]
        return ((text[0] in inside) is not (glob[1] == "!")) and backtrack(glob[end + 1 :], text[1:])
    if glob[0] == "?":
        return text[0] != "/" and backtrack(glob[1:], text[1:])
    if glob[0] == "\\":
        glob = glob[1:]
    return glob[0] == text[0] and backtrack(glob[1:], text[1:])


@given(globs, paths)
def test_the_machine_agrees_with_writing_braces_out_and_backtracking(glob, path):
    expected = any(backtrack("/" + one, "/" + path) for one in written_out(glob))
    assert compile_glob(glob).matches(path.encode()) is expected


# ---- captures against trying everything, in the order that decides which way counts

GROUPS = (
    "(*)",
    "(a|b)",
    "*(a|b)",
    "+(a|bc)",
    "?(b)",
    "!(a)",
    "((a)|b*)",
    "*(a*)",
    "+(?(a)|b)",
    "{a,(b)}",
    "!(*b)",
)
with_groups = st.lists(
    st.lists(st.sampled_from((*ATOMS, *GROUPS)), min_size=1, max_size=3).map("".join), min_size=1, max_size=2
).map("/".join)
Way = tuple[int, dict[int, tuple[int, int]]]


def ways(pieces, text: str, at: int, spans: dict[int, tuple[int, int]]) -> Iterator[Way]:
    """Every way to read `pieces` from `at`, the one that counts first: its end and what was captured."""
    if not pieces:
        yield at, spans
        return
    for end, found in piece_ways(pieces[0], text, at, spans):
        yield from ways(pieces[1:], text, end, found)


def piece_ways(piece, text: str, at: int, spans) -> Iterator[Way]:
    match piece:
        case Char(char):
            if text[at : at + 1] == char:
                yield at + 1, spans
        case OneOf(ranges, negated):
            if at < len(text) and any(low <= text[at] <= high for low, high in ranges) is not negated:
                yield at + 1, spans
        case Run(deep):
            stop = len(text) if deep or "/" not in text[at:] else text.index("/", at)
            yield from ((end, spans) for end in range(stop, at - 1, -1))
        case Choice(branches):
            for branch in branches:
                yield from ways(branch, text, at, spans)
        case Group("!", branches, number):
            for end, _ in piece_ways(Run(False), text, at, spans):
                if not any(e == end for b in branches for e, _ in ways(b, text[:end], at, {})):
                    yield end, spans | {number: (at, end)}
        case Group(kind, branches, number):
            many = kind in "*+"
            for end, found in repeated(branches, text, at, spans, 1 if kind in "@+" else 0, many):
                yield end, found | {number: (at, end)}


def repeated(branches, text: str, at: int, spans, least: int, many: bool) -> Iterator[Way]:
    for branch in branches:
        for end, found in ways(branch, text, at, spans):
            if many and end > at:
                yield from repeated(branches, text, end, found, 0, many)
            elif end > at or least or not many:
                yield end, found
    if not least:
        yield at, spans


@given(with_groups, paths)
def test_the_machine_captures_what_trying_everything_captures_first(glob, path):
    text = "/" + path
    pieces, groups = parse_glob("/" + glob)
    found = next((spans for end, spans in ways(pieces, text, 0, {}) if end == len(text)), None)
    compiled = compile_glob("/" + glob)
    assert compiled.matches(path.encode()) is (found is not None)
    captured = compiled.captures(path.encode())
    assert captured == compiled.machine.captures(text)  # whether or not it is plain
    assert (captured is None) is (found is None)
    if captured is not None and found is not None:
        outer = {number: text[start:end] for number, (start, end) in found.items()}
        assert captured == tuple(outer.get(n, "") for n in range(1, groups + 1))


@given(globs, st.sets(paths, max_size=12))
def test_walking_finds_what_matching_every_path_finds_in_the_same_order(commit_of, glob, files):
    files = {f for f in files if not any(other.startswith(f + "/") for other in files)}
    commit, compiled = commit_of(files), compile_glob(glob)
    assert list(iter_matches(commit, compiled)) == [
        (path, entry) for path, entry in commit.walk() if compiled.matches(path)
    ]


def test_only_directories_that_can_hold_a_match_are_listed(commit_of):
    commit = commit_of(f"{year}/{month}/{day}" for year in "56" for month in "789" for day in "12")
    found = [path for path, _ in iter_matches(commit, compile_glob("/6/{7,9}/*"))]
    assert found == [b"6/7/1", b"6/7/2", b"6/9/1", b"6/9/2"]
    assert commit.asked == [
        ("find", b"6"),
        ("find", b"6/7"),
        ("list", b"6/7"),
        ("find", b"6/9"),
        ("list", b"6/9"),
    ]


def test_the_root_is_matched_without_looking_at_anything(commit_of):
    commit = commit_of(["a", "b/c"])
    assert list(iter_matches(commit, compile_glob("/"))) == [(b"", commit.tree)]
    assert commit.asked == []


def test_the_first_match_is_given_before_later_directories_are_listed(commit_of):
    commit = commit_of(["a/x", "b/x", "c/x"])
    assert next(iter_matches(commit, compile_glob("/*/*")))[0] == b"a/x"
    assert commit.asked == [("list", b""), ("list", b"a")]


def test_a_directory_comes_before_what_is_in_it_and_siblings_in_byte_order(commit_of):
    commit = commit_of([b"a/b", b"a.txt", b"\xff", "é".encode()])
    found = [path for path, _ in iter_matches(commit, compile_glob("/**"))]
    assert found == [b"a", b"a/b", b"a.txt", "é".encode(), b"\xff"]


@pytest.mark.parametrize("glob", ["/{.,a}", "/{..,a}", "/{a," + "b" * 300 + "}"])
def test_names_that_no_entry_can_have_are_not_asked_for(commit_of, glob):
    commit = commit_of(["a"])
    assert [path for path, _ in iter_matches(commit, compile_glob(glob))] == [b"a"]
    assert commit.asked == [("find", b"a")]


@pytest.mark.parametrize(
    "glob",
    [
        "/" + "*a" * 40 + "b",
        "/" + "{*a,*aa}" * 30 + "b",
        "/" + "*a" + "?" * 200,
        "/" + "*(*(*(a)))" * 9 + "b",
        "/" + "{a,aa}" * 125 + "?(b)",
        "/" + "?(a)" * 300 + "@(" + "a" * 125 + ")",
    ],
)
@pytest.mark.timeout(60)  # backtracking would take longer than the age of the universe
def test_a_hostile_glob_does_not_backtrack(glob):
    compiled = compile_glob(glob)
    assert (compiled.captures(b"a" * 250) is not None) is compiled.matches(b"a" * 250)
