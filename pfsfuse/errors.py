"""What a person can cause in the mount, the pipelines and the services, by what they can do next.

    PfsError            (with `hint()`: the next thing to type; "" when the message says it all)
    ├── SpecError       correct the specification          exit 6
    ├── MountError      prepare the machine or the mountpoint   exit 9
    ├── DaemonError     start, stop or ask the daemon      exit 10
    ├── JobError        look at the job's log              exit 11
    ├── ServiceError    look at the service's log          exit 12
    └── WorktreeError   look at what was written through the mount   exit 13

The store has a tree of its own (`store/errors.py`, exit codes 3 to 8). Anything outside the two trees is a bug.
"""

from __future__ import annotations


class PfsError(Exception):
    """Base of everything this package raises on purpose."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self._hint = hint

    def hint(self) -> str:
        """What to do next, as one sentence or a command; "" when the message says it all."""
        return self._hint


class SpecError(PfsError):
    """A specification that cannot be taken; the message names the source, the place and the field."""


class MountError(PfsError):
    """The mount cannot be made or removed; nothing was changed."""


class DaemonError(PfsError):
    """No daemon answers, or it refused what was asked."""


class JobError(PfsError):
    """A job ended badly, or there is no such job."""


class ServiceError(PfsError):
    """A service cannot be started, found or stopped."""


class WorktreeError(PfsError):
    """What was written through a mount cannot be read again, or not now; it is left as it is."""

    in_use = False
    """Whether it is only that another process has it open."""
