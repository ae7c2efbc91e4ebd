"""What goes on failing, told once: a full disk is not news every two seconds."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

LONGEST = 8
"""Times the first pause: as long as anybody waits who has made room."""


@dataclass(slots=True)
class Trouble:
    """What fails now, by what was being done."""

    _known: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The reason, and the last pause."""

    def meet(self, doing: str, error: BaseException, pause_seconds: float) -> float:
        """Note that something failed; how long to wait before it is tried again, longer each time."""
        reason = str(error)
        known, times = self._known.get(doing, ("", 0))
        if reason != known:
            log.error("%s: %s", doing, reason)
        times = min(LONGEST, times * 2) or 1
        self._known[doing] = reason, times
        return pause_seconds * times

    def end(self, doing: str) -> None:
        """Note that it went well."""
        if self._known.pop(doing, None) is not None:
            log.warning("no longer: %s", doing)
