"""`pfs`: parses, runs one command, and is the only place that prints errors and chooses exit codes.

what went wrong                          on stderr                                      exit code
the command line is not understood       pfs: error: what; hint                         2
an error of ours                         pfs: error: what; hint                         3 to 12, errors.py
a file of the host cannot be used        pfs: error: file: what the kernel said         1
Ctrl-C                                   pfs: interrupted                               130
the reader of our output went away       nothing                                        141
anything else is a bug                   pfs: error: one line, and where the traceback is   70
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

from pfsfuse.cli.mount.mounthelper import command_line, is_helper
from pfsfuse.cli.shared.app import App
from pfsfuse.cli.shared.errors import BUG, HOST, INTERRUPTED, OK, PIPE_CLOSED, USAGE, exit_code
from pfsfuse.cli.shared.group import COMPLETE, Root, global_options
from pfsfuse.cli.shared.text import safe
from pfsfuse.errors import PfsError


def _version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"pfs {version('pfsfuse')}")
        except PackageNotFoundError:
            click.echo("pfs, from a checkout that is not installed")
        context.exit()


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        *global_options(hidden=False, json=True),
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_version,
            help="Show the version.",
        ),
    ],
)
@click.pass_context
def pfs(context: click.Context) -> None:
    """Versioned data repos, mounted as ordinary directories; pipelines and notebooks on exact commits.

    REPO[@REF][:PATH] names data: trips, trips@dev, trips@master.31, trips@master~2, trips@1f3a5b7c,
    trips@master@2016-07-31, trips@master.31:7-31-16.
    """
    if "NO_COLOR" in os.environ:
        context.color = False


YOUNG = 100_000
"""Objects made between two looks for cycles, of which commands leave next to none: with Python's 700, looking took a
seventh of the processor while 100,000 files were put."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `pfs` with `arguments` (None: those of this process) and end the process."""
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    _open_standard_streams()
    app = App()
    code = _run(sys.argv[1:] if arguments is None else arguments, app, as_helper=is_helper(sys.argv[0]))
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = PIPE_CLOSED
    except OSError as error:
        code = code or _say(f"standard output: {error.strerror}") or HOST
        _discard_output()
    if code == PIPE_CLOSED:
        _discard_output()
    sys.exit(code)


atexit.register(gc.freeze)
"""At the end Python looks for cycles in all there is, twice, right before the kernel takes it away: 30 ms of the 300 ms
of CPU that a small `pfs put` takes."""


def _open_standard_streams() -> None:
    """Let those that are closed (`>&-`) lead nowhere; else files of the store get their numbers, and what we print."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _discard_output() -> None:
    """What is still buffered cannot be written; without this the interpreter tries again and complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(arguments: Sequence[str], app: App, *, as_helper: bool = False) -> int:
    """What click's own `main` does, without its opinions on errors, closed pipes and Ctrl-C."""
    try:
        if instruction := os.environ.get(COMPLETE):
            return shell_complete(pfs, {"obj": app}, "pfs", COMPLETE, instruction)
        if as_helper and not (arguments := command_line(arguments)):
            return OK
        with pfs.make_context("pfs", list(arguments), obj=app) as context:
            pfs.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        return _interrupted()
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return USAGE
    except click.UsageError as error:
        return _usage(error, arguments, app)
    except click.ClickException as error:
        return _say(error.format_message()) or error.exit_code
    except BaseException as raised:  # noqa: BLE001 - the last line of defence; SystemExit too: main alone exits
        return _failed(_innermost(raised), raised, arguments, app)
    return OK


def _interrupted() -> int:
    print("\npfs: interrupted", file=sys.stderr)  # the blank line ends the one with the terminal's ^C
    return INTERRUPTED


def _innermost(error: BaseException) -> BaseException:
    """The error itself, out of the groups that nurseries wrap around a single one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _failed(error: BaseException, raised: BaseException, arguments: Sequence[str], app: App) -> int:
    if isinstance(error, KeyboardInterrupt):
        return _interrupted()
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED
    code = exit_code(error)
    if code is None and not isinstance(error, OSError):
        return _bug(raised, app)
    if app.debug:
        _traceback(raised)
    if code is None:
        assert isinstance(error, OSError)
        return _say(_host_error(error)) or HOST
    hint = error.hint() if isinstance(error, PfsError) or hasattr(error, "hint") else ""
    if type(error).__name__ in MISREAD:
        hint = _meant(arguments, app) or hint
    return _say(str(error), hint) or code


MISREAD = ("BadExpression", "BadName", "RepoNotFound")
"""Errors of the store, which may not be imported, after which words may have been meant to be others."""


def _meant(arguments: Sequence[str], app: App) -> str:
    from pfsfuse.cli import meant

    return meant.hint(pfs, arguments, app)


def _host_error(error: OSError) -> str:
    what = error.strerror or str(error)
    name = error.filename if error.filename is not None else ""
    if error.errno == errno.ENOSPC:
        what += "; free some space and repeat the command"
    return f"{safe(os.fsencode(name))}: {what}" if name else what


def _usage(error: click.UsageError, arguments: Sequence[str], app: App) -> int:
    near = "" if isinstance(error, click.NoSuchOption) else _meant(arguments, app)
    if isinstance(error, click.MissingParameter) and error.ctx is not None and (said := _one_missing(error)):
        return _say(said, near or f"try `{error.ctx.command_path} --help`") or USAGE
    message, guess, other = (
        error.format_message().replace(" (Did you ", " Did you ").partition(" Did you mean ")
    )
    message = message[:1].lower() + message[1:].rstrip(".")
    message = message.replace("a valid integer range", "a whole number").replace(
        "a valid float range", "a number"
    )
    if near:
        hint = near
    elif guess:
        hint = f"did you mean {other.rstrip(')')}"
    elif error.ctx is None or "`" in message:
        hint = ""
    else:
        hint = f"try `{error.ctx.command_path} --help`"
    return _say(message, hint) or USAGE


def _one_missing(error: click.MissingParameter) -> str:
    """Of a command that takes several things and then one: nobody can know which of them was left out. click would
    list what can be chosen with tabs; a metavar has it in one word.
    """
    assert error.ctx is not None
    if isinstance(error.param, click.Argument) and isinstance(error.param.type, click.Choice):
        return f"missing argument {error.param.make_metavar(error.ctx)!r}"
    wanted = [each for each in error.ctx.command.params if isinstance(each, click.Argument) and each.required]
    if error.param not in wanted[:-1] or error.param.nargs != -1:
        return ""
    names = " ".join(each.make_metavar(error.ctx) for each in wanted)
    return f"{names} are needed, and one of them is missing"


def _say(message: str, hint: str = "") -> int:
    """Print one line on stderr; 0, so that `_say(...) or code` reads as it runs."""
    line = f"pfs: error: {message}" + (f"; {hint}" if hint else "")
    print(safe(" ".join(line.splitlines())), file=sys.stderr)
    return 0


def _bug(error: BaseException, app: App) -> int:
    import tempfile
    import traceback

    if app.debug:
        _traceback(error)
    with tempfile.NamedTemporaryFile("w", prefix="pfs-bug-", suffix=".log", delete=False) as log:
        log.write(f"pfs {' '.join(map(safe, sys.argv[1:]))}\n")
        log.writelines(traceback.format_exception(error))
    return _say(f"this is a bug: {type(error).__name__}: {error}", f"please report it with {log.name}") or BUG


def _traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error)
