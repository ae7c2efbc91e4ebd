"""A command line, taken apart into the command, its options and its words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import click

MESSAGE = ("-m", "--message")


@dataclass(frozen=True, slots=True)
class Line:
    """A command line, taken apart."""

    verb: str
    """`tag create`."""
    options: tuple[str, ...]
    """With their values, as they were written."""
    words: tuple[str, ...]
    least: int
    """Words that the command needs."""
    most: int | None
    """None: any number of them."""
    is_noun: bool = False
    """Whether the verb is missing: `tag`."""
    spilled: tuple[str, ...] = ()
    """The last words, when they follow the value of `-m`: the shell's, of a message without quotes."""

    def said(self, *words: str, verb: str = "", options: Sequence[str] = ()) -> str:
        """``did you mean `pfs tag create trips@v1`?``, or "" where these are the words that were written."""
        if not verb and not options and words == self.words:
            return ""
        line = ["pfs", *(verb or self.verb).split(), *self.options, *words, *options]
        return f"did you mean `{' '.join(map(quoted, line))}`?"


def apart(root: click.Group, arguments: Sequence[str]) -> Line | None:
    """The parts of a command line; None when it names no command."""
    command: click.Command = root
    context = click.Context(root)
    verb: list[str] = []
    words: list[str] = []
    options: list[str] = []
    before: int | None = None
    rest = list(arguments)
    while rest:
        each = rest.pop(0)
        if each == "--":
            words += rest
            break
        if each.startswith("-") and each != "-":
            options.append(each)
            before = None
            if rest and _takes_value(command, each):
                options.append(rest.pop(0))
                before = len(words) if each in MESSAGE else None
        elif isinstance(command, click.Group) and not words:
            found = command.get_command(context, each)
            if found is None:
                if not verb:
                    return None
                words.append(each)
            else:
                verb.append(each)
                command = found
        else:
            words.append(each)
    taken = [each for each in command.params if isinstance(each, click.Argument)]
    least = sum(each.required for each in taken)
    most = None if any(each.nargs == -1 for each in taken) else len(taken)
    spilled = () if before is None else tuple(words[before:])
    is_noun = isinstance(command, click.Group)
    return Line(" ".join(verb), tuple(options), tuple(words), least, most, is_noun, spilled)


def _takes_value(command: click.Command, option: str) -> bool:
    return any(
        isinstance(each, click.Option) and option in each.opts and not each.is_flag and not each.count
        for each in command.params
    )


def quoted(word: str) -> str:
    """As a shell takes it; what only stands for something is left as it is."""
    return word if word.replace("@NAME", "").isidentifier() else shlex.quote(word)
