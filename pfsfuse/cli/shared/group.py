"""How commands are declared: lazily found groups, helpful unknown names, global options accepted anywhere."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import click

from pfsfuse.cli.commands import (
    ALIASES,
    COMMANDS,
    FAR,
    FAR_VERBS,
    ROOT_EXAMPLES,
    SECTIONS,
    SYNONYMS,
    VERB_NOUN,
    Lazy,
)
from pfsfuse.cli.shared.app import App

COMPLETE = "_PFS_COMPLETE"
"""The variable by which a shell's completion script asks what could be typed."""


def _set_store(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(App).store_option = value


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.ensure_object(App).json |= value


def _set_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.ensure_object(App).debug |= value


def _set_no_color(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.color = context.find_root().color = False


def global_options(*, hidden: bool, json: bool) -> list[click.Parameter]:
    """The options that go before the command or after it; hidden in the help of single commands."""
    shared: dict[str, Any] = {"expose_value": False, "hidden": hidden}
    flag: dict[str, Any] = {"is_flag": True, "expose_value": False}
    options: list[click.Parameter] = [
        click.Option(
            ["--store"],
            metavar="DIR",
            type=click.Path(),
            callback=_set_store,
            help="The store; default: PFS_STORE, else /var/lib/pfs for root, else ~/.local/share/pfs.",
            **shared,
        )
    ]
    if json:
        options.append(click.Option(["--json"], callback=_set_json, help="Print JSON, for programs.", **flag))
    return [
        *options,
        click.Option(
            ["--no-color"],
            callback=_set_no_color,
            help="Plain text; so does NO_COLOR.",
            **flag,
            hidden=hidden,
        ),
        click.Option(
            ["--debug"], callback=_set_debug, help="Show tracebacks of errors.", **flag, hidden=hidden
        ),
    ]


class Command(click.Command):
    """A command that takes the global options too, and whose help ends with examples.

    `json=True` declares that it lists something and can do so as JSON.
    """

    def __init__(self, *args: Any, examples: str, json: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault("no_args_is_help", False)
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params.extend(global_options(hidden=True, json=json))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(formatter, self.examples)


class Group(click.Group):
    """The subcommands of one noun, declared where the noun lives."""

    def __init__(self, *args: Any, examples: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params.extend(global_options(hidden=True, json=False))

    def add(
        self, *, examples: str, json: bool = False, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], Command]:
        """A decorator: the function is a subcommand of this noun."""

        def decorate(function: Callable[..., Any]) -> Command:
            made = click.command(cls=Command, examples=examples, json=json, **kwargs)(function)
            self.add_command(made)
            return made

        return decorate

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and (there := FAR_VERBS.get((self.name or "", args[0]))):
            raise click.UsageError(f"no command {args[0]!r} here: {there}", ctx=ctx)
        here = SYNONYMS.get(args[0], "")
        if not ctx.resilient_parsing and args[0] not in self.commands and here in self.commands:
            raise click.UsageError(f"no command {args[0]!r} here: `{ctx.command_path} {here}`", ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(formatter, self.examples)


def write_examples(formatter: click.HelpFormatter, examples: str) -> None:
    """One example a line: what to type, and after two spaces what it does."""
    with formatter.section("Examples"):
        formatter.write_dl([split_example(line) for line in examples.strip().splitlines()], col_max=46)


def split_example(line: str) -> tuple[str, str]:
    typed, _, meaning = line.strip().partition("  ")
    return typed, meaning.strip()


class Root(click.Group):
    """`pfs`: finds commands by the table in commands.py and imports only the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if lazy is None:
            return None
        module = importlib.import_module(f"pfsfuse.cli.{lazy.module}")
        found: click.Command = getattr(module, lazy.attribute or lazy.module.rpartition(".")[2])
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if len(args) >= 2 and (here := VERB_NOUN.get((args[0], args[1]))):
            args = [*here, *args[2:]]
        name = args[0]
        if name == "help" and not ctx.resilient_parsing:
            if not args[1:]:
                click.echo(ctx.get_help(), color=ctx.color)
                ctx.exit()
            return self.resolve_command(ctx, [*args[1:], "--help"])
        if (
            name not in COMMANDS
            and name not in ALIASES
            and not name.startswith("-")
            and not ctx.resilient_parsing
        ):
            for words in (" ".join(args[:2]), name):
                if words in FAR:
                    raise click.UsageError(f"no command {words!r}: {FAR[words]}", ctx=ctx)
            raise click.exceptions.NoSuchCommand(
                name, message=f"no command {name!r}", possibilities=COMMANDS, ctx=ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(rows(section))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(formatter, ROOT_EXAMPLES)


def rows(section: Mapping[str, Lazy]) -> list[tuple[str, str]]:
    width = max(len(name) for name in COMMANDS)
    return [(name.ljust(width), lazy.summary) for name, lazy in section.items()]
