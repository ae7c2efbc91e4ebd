"""What goes wrong on the way out."""

from __future__ import annotations

from pfsfuse.errors import JobError


class EgressError(JobError):
    """What a job computed could not be written where it was to go; it is in the store all the same."""

    def __init__(self, message: str, *, final: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.final = final
        """Trying again would not help."""


def first_line(error: Exception) -> str:
    """Of what a library says: it may be pages of XML."""
    return str(error).strip().partition("\n")[0][:300]
