"""A systemd unit that keeps a mount: what `pfs mount --print-unit` prints."""

from __future__ import annotations

from collections.abc import Sequence

UNIT = """\
[Unit]
Description=pfsfuse: {store} at {mountpoint}
RequiresMountsFor={store}

[Service]
Type=notify
ExecStart={command}
Restart=on-failure
KillMode=mixed
TimeoutStopSec=120

[Install]
WantedBy={target}
"""


def unit(command: Sequence[str], *, store: str, mountpoint: str, system: bool) -> str:
    """The unit that runs `command`. `system`: for the whole machine, else for one user.

    Without directories of its own, and without protections that give a service a mount namespace: what is mounted there
    nobody else would see.
    """
    return UNIT.format(
        store=_quoted(store),
        mountpoint=_quoted(mountpoint),
        command=" ".join(map(_quoted, command)),
        target="multi-user.target" if system else "default.target",
    )


def _quoted(word: str) -> str:
    """One word of a unit's line (systemd.syntax): specifiers and variables are not wanted."""
    plain = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    if plain and not set(plain) & set(" \t\"'"):
        return plain
    return '"' + plain.replace('"', '\\"') + '"'
