"""`--executor` and `--address`: what they make of the configuration."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from pfsfuse.cli.shared import executor
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.config import Config

HERE = Config(store=Path("/s"), mountpoint=Path("/pfs"), color=False)


@pytest.mark.parametrize(
    ("kind", "address", "dask"),
    [("local", None, None), ("dask", None, ""), ("dask", "tcp://head:8786", "tcp://head:8786")],
)
def test_datums_are_computed_where_the_options_say(kind: str, address: str | None, dask: str | None) -> None:
    assert executor.with_executor(HERE, kind, address).dask == dask


def test_an_address_without_dask_is_refused() -> None:
    with pytest.raises(click.UsageError, match="add --executor dask"):
        executor.with_executor(HERE, "local", "tcp://head:8786")


def test_without_dask_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match="not installed") as raised:
        executor.with_executor(HERE, "dask", None)
    assert raised.value.hint() == "`pip install pfsfuse[dask]`"
