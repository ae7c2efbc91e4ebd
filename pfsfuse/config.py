"""Where things are and how to speak: the only reader of the environment and of the configuration file.

What is given on the command line wins over the environment, which wins over
`$XDG_CONFIG_HOME/pfs/config.toml`, which wins over the defaults:

    store = "/srv/pfs"          # PFS_STORE       root: /var/lib/pfs, others: $XDG_DATA_HOME/pfs
    mountpoint = "/pfs"         # PFS_MOUNTPOINT  /pfs

Everything below takes a `Config`; nothing below looks at `os.environ`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pfsfuse.errors import PfsError

SETTINGS = ("store", "mountpoint")
"""What the configuration file may hold, all of them paths."""


class ConfigError(PfsError):
    """The configuration file cannot be used; the message names the file and the setting."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the surroundings say, read once."""

    store: Path
    """The store's directory; absolute, perhaps not made yet."""
    mountpoint: Path
    """Where the host's view is mounted unless told otherwise."""
    color: bool
    """False when NO_COLOR is set to anything or TERM is `dumb`; whether it is a terminal is not asked here."""
    notify_socket: str | None = None
    """Where a service manager wants to hear that a daemon is ready; None: nowhere."""
    dask: str | None = None
    """Where datums are computed: on this host (None), on the Dask cluster at this address, or on one that is started
    for it ("")."""


def load(environ: Mapping[str, str], *, uid: int | None = None) -> Config:
    """The configuration that `environ` and the file it points at describe; `uid` None means our own.

    Raises ConfigError when the file is there and cannot be read, is not TOML, or holds something unknown.
    """
    root = (os.geteuid() if uid is None else uid) == 0
    home = Path(environ.get("HOME") or "/")
    config_home = _absolute(environ.get("XDG_CONFIG_HOME")) or home / ".config"
    data_home = _absolute(environ.get("XDG_DATA_HOME")) or home / ".local/share"
    file = _read(config_home / "pfs" / "config.toml")
    store = environ.get("PFS_STORE") or file.get("store")
    mountpoint = environ.get("PFS_MOUNTPOINT") or file.get("mountpoint") or "/pfs"
    default_store = Path("/var/lib/pfs") if root else data_home / "pfs"
    return Config(
        store=_host_path(store, home) if store else default_store,
        mountpoint=_host_path(mountpoint, home),
        notify_socket=environ.get("NOTIFY_SOCKET") or None,
        color=not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
    )


def _absolute(text: str | None) -> Path | None:
    """A base directory as the XDG specification has it: relative ones are ignored."""
    return Path(text) if text and text.startswith("/") else None


def _host_path(text: str, home: Path) -> Path:
    if text == "~" or text.startswith("~/"):
        return home / text[2:]
    return Path(os.path.abspath(text))


def _read(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}"
        ) from None
    import tomllib  # 6 ms, and most people have no such file

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    for name, value in values.items():
        if name not in SETTINGS:
            raise ConfigError(f"{path}: unknown setting {name!r}", hint=f"known are: {', '.join(SETTINGS)}")
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{path}: {name} must be a path in quotes")
    return values
