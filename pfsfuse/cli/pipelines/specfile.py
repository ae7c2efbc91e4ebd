"""Specification files, as `-f FILE` names them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from pfsfuse.cli.shared.text import safe

SPEC_FILE = click.Path(allow_dash=True)
LIMIT = 16 << 20
"""Bytes; a specification is written by hand, and reading a disk image by mistake should not take minutes."""


def read_spec_file(file: str) -> tuple[str, str, str]:
    """The text, what to call its source in messages, and the name a service gets when it has none of its own.

    Raises SpecError when it is not text, OSError when it cannot be read.
    """
    from pfsfuse.errors import SpecError

    source = "standard input" if file == "-" else safe(file)
    with click.open_file(file, "rb") as stream:
        raw = stream.read(LIMIT + 1)
    if len(raw) > LIMIT:
        raise SpecError(f"{source}: over {LIMIT >> 20} MiB, which no specification is")
    try:
        return raw.decode("utf-8"), source, "service" if file == "-" else Path(file).stem
    except UnicodeDecodeError as error:
        raise SpecError(f"{source}: byte {error.start + 1} is not UTF-8 text") from None


def require_no_file(pipeline: str) -> None:
    """Refuse a specification's file where a pipeline is named, whose name has neither dots nor slashes, and say -f."""
    if ("." in pipeline or "/" in pipeline) and Path(pipeline).is_file():
        raise click.UsageError(f"{safe(pipeline)} is a file: write -f {safe(pipeline)}")


def warn(warnings: Iterable[str]) -> None:
    """What was accepted and has no effect: one line each on stderr."""
    for warning in warnings:
        print(f"pfs: warning: {safe(warning)}", file=sys.stderr)
