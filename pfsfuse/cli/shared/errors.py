"""What the command line itself refuses, and the tables that turn every error of ours into an exit code."""

from __future__ import annotations

from pfsfuse.errors import PfsError

OK = 0
HOST = 1
"""A file of the host could not be read or written, or the command could not do what was asked."""
USAGE = 2
"""The command line itself is wrong; click's own code for it."""
BUG = 70
"""Not foreseen: EX_SOFTWARE of sysexits.h."""
INTERRUPTED = 130
"""Ctrl-C; what a shell shows for SIGINT."""
PIPE_CLOSED = 141
"""The reader of our output went away; what a shell shows for SIGPIPE."""


class CommandError(PfsError):
    """The command cannot do what was asked, for a reason of its own; nothing was changed."""


def exit_codes() -> dict[type[BaseException], int]:
    """The branches of both error trees and their exit codes; an error has the code of its nearest ancestor here."""
    import store
    from pfsfuse import config, errors

    return {
        CommandError: HOST,
        store.NotFound: 3,
        store.Exists: 4,
        store.Conflict: 5,
        store.Refused: 6,
        errors.SpecError: 6,
        config.ConfigError: 6,
        store.Corrupt: 7,
        store.Full: 8,
        errors.MountError: 9,
        errors.DaemonError: 10,
        errors.JobError: 11,
        errors.ServiceError: 12,
        errors.WorktreeError: 13,
    }


def exit_code(error: BaseException) -> int | None:
    """The exit code of an error of ours; None for a bug."""
    codes = exit_codes()
    for ancestor in type(error).__mro__:
        if ancestor in codes:
            return codes[ancestor]
    return None
