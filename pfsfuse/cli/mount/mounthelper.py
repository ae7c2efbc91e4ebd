"""`mount -t fuse.pfs` and /etc/fstab: mount(8) runs `/sbin/mount.fuse.pfs STORE MOUNTPOINT -o OPTIONS`, which is `pfs`
under that name.

    ln -s "$(command -v pfs)" /sbin/mount.fuse.pfs
    /var/lib/pfs  /pfs  fuse.pfs  allow_other,autocommit=30,nofail  0  0

Options of ours are those of `pfs mount`: ro, allow_other, xattrs, autocommit=SECONDS, view=NAME=REF (once for each).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.text import safe

PREFIX = "mount."
"""Of the name under which mount(8) runs a helper."""
SOURCE = "pfs#"
"""May stand before the store, as in lines for other file systems of this kind."""
FLAGS = {"ro": "--read-only", "allow_other": "--allow-other", "xattrs": "--xattrs"}
VALUES = {"autocommit": "--autocommit", "view": "--view"}
IGNORED = frozenset(
    (
        *(
            "rw",
            "defaults",
            "auto",
            "noauto",
            "nofail",
            "user",
            "users",
            "nouser",
            "owner",
            "group",
            "_netdev",
        ),
        *("suid", "nosuid", "dev", "nodev", "exec", "noexec", "async", "sync", "default_permissions"),
        *("atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "lazytime"),
    )
)
"""For mount(8) itself, or what every mount of ours is; or that does not mean anything here."""


class _Asked(NamedTuple):
    """mount(8)'s command line."""

    words: list[str]
    options: list[str]
    pretend: bool


def is_helper(program: str) -> bool:
    """Whether this process was started as mount(8)'s helper."""
    return os.path.basename(program).startswith(PREFIX)


def command_line(arguments: Sequence[str]) -> list[str]:
    """The command line of `pfs` that does what mount(8) asks for; [] when it asks to change nothing.

    Raises CommandError for an option that is not ours.
    """
    asked = _parse(arguments)
    if len(asked.words) != 2:
        raise CommandError(
            "mount(8) gives a store and a mountpoint", hint="`mount -t fuse.pfs STORE MOUNTPOINT`"
        )
    if asked.pretend:
        return []
    store, mountpoint = asked.words
    given: list[str] = []
    for option in asked.options:
        given += _option(option)
    return ["--store", store.removeprefix(SOURCE), "mount", *given, "--", mountpoint]


def _parse(arguments: Sequence[str]) -> _Asked:
    words: list[str] = []
    options: list[str] = []
    pretend = False
    rest = iter(arguments)
    for argument in rest:
        if argument == "-o":
            options += next(rest, "").split(",")
        elif argument in {"-t", "-N"}:
            next(rest, "")
        elif argument.startswith("-"):
            pretend = pretend or "f" in argument
        else:
            words.append(argument)
    return _Asked(words, [option for option in options if option], pretend)


def _option(option: str) -> list[str]:
    name, _, value = option.partition("=")
    if option in FLAGS:
        return [FLAGS[option]]
    if name in VALUES and value:
        return [VALUES[name], value]
    if option in IGNORED or name.startswith(("x-", "X-", "comment")):
        return []
    ours = ", ".join([*FLAGS, *(f"{each}=…" for each in VALUES)])
    raise CommandError(f"{safe(option)} is no option of a mount of ours", hint=f"those are {ours}")
