"""Where datums are computed: `--executor` and `--address`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pfsfuse.cli.shared.errors import CommandError

if TYPE_CHECKING:
    from pfsfuse.config import Config

F = TypeVar("F", bound=Callable[..., Any])


def executor_options(command: F) -> F:
    """Add the two options to a command, as `executor` and `address`."""
    for option in (
        click.option(
            "--address", metavar="tcp://HOST:PORT", help="The Dask scheduler; without it one is started here."
        ),
        click.option(
            "--executor",
            type=click.Choice(["local", "dask"]),
            default="local",
            help="Compute datums with workers of this host, or with those of a Dask cluster.",
        ),
    ):
        command = option(command)
    return command


def with_executor(config: Config, executor: str, address: str | None) -> Config:
    """The configuration with what these options say. Raises CommandError when Dask is not installed."""
    if executor == "local":
        if address is not None:
            raise click.UsageError("--address is of a Dask cluster: add --executor dask")
        return config
    if find_spec("distributed") is None:
        raise CommandError("Dask is not installed", hint="`pip install pfsfuse[dask]`")
    return replace(config, dask=address or "")
