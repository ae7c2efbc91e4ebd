"""Which paths a glob stands for, and how they are found."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.errors import SpecError
from pfsfuse.pipeline import compile_glob, iter_matches


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
        ("/a@b+c!d", "a@b+c!d", "a@b+c!d"),
        ("//a///b/", "a/b a", "a/b"),
        ("{a/,b/}", "a b", "a b"),
        ("/.*", ".hidden a", ".hidden"),
    ],
)
def test_a_glob_describes_whole_paths_from_the_root(glob, paths, those):
    assert matched(glob, paths) == those


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
        ("/@(a|b)", 2, "groups and captures"),
        ("/*(a)", 2, "groups and captures"),
        ("/?(a)", 2, "groups and captures"),
        ("/!(a)", 2, "groups and captures"),
        ("/+(a)", 2, "groups and captures"),
        ("/(a|b)", 2, "groups and captures"),
        ("/a/../b", 4, "'..' is never a name"),
        ("./a", 1, "'.' is never a name"),
        ("/a\0", 3, "NUL"),
        ("/\ud800", 2, "half of a surrogate pair"),
        ("/" + "{a," * 40, 98, "braces inside one another"),
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


@given(st.text(alphabet="ab/.*?[]{}!^-,\\()@+:", max_size=30))
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


def test_matches_stream(commit_of):
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


@pytest.mark.parametrize("glob", ["/" + "*a" * 40 + "b", "/" + "{*a,*aa}" * 30 + "b", "/" + "*a" + "?" * 200])
@pytest.mark.timeout(60)  # backtracking would take longer than the age of the universe
def test_a_hostile_glob_does_not_backtrack(glob):
    compile_glob(glob).matches(b"a" * 250)
