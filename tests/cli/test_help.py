"""What `pfs --help` and its like promise: quick, complete, with examples that can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

import store
from pfsfuse.cli.commands import COMMANDS, FAR, SECTIONS, VERB_NOUN
from pfsfuse.cli.main import pfs as root
from pfsfuse.cli.shared.group import Command, Group, Root, split_example

HEAVY = ("trio", "msgspec", "rich", "pandas", "yaml", "lmdb", "zstandard", "json", "store")
NEEDLESS = (
    *("trio", "rich", "pandas", "yaml", "json", "subprocess", "pfsfuse.pipeline", "store.ingest"),
    *("concurrent.futures", "logging", "tempfile", "shutil", "random", "hashlib", "getpass"),
    *("sqlite3", "tarfile", "pyfastcdc"),
)
"""For who looks at what is in a store: a third of the time that `pfs ls` took to start."""


def commands(found: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, found
    if isinstance(found, click.Group):
        context = click.Context(found)
        for name in found.list_commands(context):
            below = found.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


EVERY = [(" ".join(path), command) for path, command in commands(root, ("pfs",))]


def help_of(command: click.Command, name: str) -> str:
    return command.get_help(click.Context(command, info_name=name))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["put", "--help"], ["completion", "fish"]])
def test_help_imports_nothing_that_takes_time(arguments, surroundings):
    probe = (
        "import sys\n"
        "from pfsfuse.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print(*(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments],
        capture_output=True,
        text=True,
        env=surroundings,
        check=True,
    )
    heavy = set(done.stderr.split())
    assert heavy <= ({"json"} if arguments == ["--version"] else set())


def test_a_command_is_found_in_the_folder_of_its_section_by_its_name():
    for section in SECTIONS.values():
        places = {name: lazy.module.rpartition(".") for name, lazy in section.items()}
        assert len({folder for folder, _, _ in places.values()}) == 1
        assert [name for name, (_, _, module) in places.items() if module != name] in ([], ["cherry-pick"])


def test_looking_at_a_commit_imports_nothing_for_changing_one(store_path, surroundings):
    with store.create(store_path) as data, data.create_repo("trips").edit() as edit:
        edit.write("a", b"1")
    probe = (
        "import sys\n"
        "from pfsfuse.cli.main import main\n"
        "for words in (['ls'], ['ls', 'trips'], ['ls', '-l', 'trips:a']):\n"
        "    try: main(words)\n"
        "    except SystemExit as end: assert not end.code, end.code\n"
        f"print(*(set({NEEDLESS!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=surroundings)
    assert done.stderr.split() == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_overview_is_the_commands_own_first_sentence(name):
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert command.get_short_help_str(limit=200) == COMMANDS[name].summary


@pytest.mark.parametrize(("name", "command"), EVERY, ids=[name for name, _ in EVERY])
def test_every_command_explains_itself_and_shows_an_example_of_itself(name, command):
    assert isinstance(command, Command | Group | Root)
    shown = help_of(command, name)
    _, _, examples = shown.partition("Examples:\n")
    assert command.help
    assert f"{name} " in examples or f"{name}\n" in examples
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse as far as the command that would run, and check its arguments."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        _, rest, _ = command.make_parser(context).parse_args(arguments)
        _, below, rest = command.resolve_command(context, rest)
        assert below is not None
        parse(below, rest)
    else:
        command.make_context("pfs", arguments).close()


@pytest.mark.parametrize(("name", "command"), EVERY[1:], ids=[name for name, _ in EVERY[1:]])
def test_every_example_can_be_typed(name, command):
    for line in command.examples.strip().splitlines():
        typed, meaning = split_example(line)
        assert meaning, line
        assert "pfs " in typed, line
        parse(root, shlex.split(re.split(r" >>? | < ", typed.partition("pfs ")[2])[0]))


@pytest.mark.parametrize("words", VERB_NOUN, ids=" ".join)
def test_pachctls_order_of_words_reaches_the_same_command(words):
    name, command, rest = root.resolve_command(click.Context(root), [*words, "x"])
    assert [name, *rest][: len(VERB_NOUN[words])] == VERB_NOUN[words]
    assert command is not None


@pytest.mark.parametrize("word", FAR)
def test_a_word_from_elsewhere_is_answered_with_what_to_type_here(word, run):
    result = run(*word.split())
    assert result.code == 2
    assert FAR[word] in result.err


def test_a_near_miss_gets_a_suggestion(run):
    assert run("brnach").err == "pfs: error: no command 'brnach'; did you mean 'branch'?\n"


def test_what_is_looked_for_under_the_wrong_noun_is_found_by_its_message(run):
    assert "`pfs job logs PIPELINE`" in run("pipeline", "logs", "sales").err
    assert "`pfs job wait PIPELINE`" in run("pipeline", "wait", "sales").err


@pytest.mark.parametrize("words", [[], ["merge"], ["tag", "create"]])
def test_help_may_be_the_first_word(words, run):
    assert run("help", *words).out == run(*words, "--help").out


def test_guesses_at_an_option_are_questions_not_brackets(run):
    said = run("pipeline", "delete", "sales", "--repo").err
    assert "; did you mean one of: " in said and "(" not in said and ")" not in said


@pytest.mark.parametrize("words", [[], ["repo"], ["pipeline"]], ids=" ".join)
def test_without_a_command_there_is_help_and_an_error(words, run):
    result = run(*words)
    assert result.code == 2
    assert result.out == "" and "Examples:" in result.err
