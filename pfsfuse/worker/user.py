"""Whom a command runs as, when its specification says so (`transform.user`)."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from pfsfuse.errors import JobError


@dataclass(frozen=True, slots=True)
class User:
    """A user of the host that is not the one who runs the worker."""

    uid: int
    gid: int

    def prefix(self) -> tuple[str, ...]:
        """What a command line begins with to run as this user; it has no capability and can gain none."""
        ids = f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"
        return ("setpriv", *ids, "--inh-caps=-all", "--no-new-privs", "--")


def find_user(name: str | None) -> User | None:
    """The user called `name`, or with that number; None when that is who we are anyway.

    Raises JobError when there is no such user, or when becoming one needs root.
    """
    if name is None:
        return None
    try:
        found = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        raise JobError(f"this host has no user {name!r}") from None
    if found.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise JobError(f"only root can run a command as {name!r}; remove transform.user, or run pfs as root")
    return User(found.pw_uid, found.pw_gid)


def hand_over(user: User, *directories: Path) -> None:
    """Make the `directories` that a command may write to the user's own."""
    for path in directories:
        os.chown(path, user.uid, user.gid)
