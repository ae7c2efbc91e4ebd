"""A compiled glob: what callers hold."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from pfsfuse.pipeline.glob.grammar import Sequence, parse_glob
from pfsfuse.pipeline.glob.machine import Machine
from pfsfuse.pipeline.glob.plain import compile_plain


class Glob:
    """A glob that can be asked about paths."""

    def __init__(self, text: str, pieces: Sequence, groups: int) -> None:
        self.text = text
        """As written."""
        self.groups = groups
        """How many captures it has."""
        self._pieces = pieces

    def __repr__(self) -> str:
        return f"Glob({self.text!r})"

    @cached_property
    def machine(self) -> Machine:
        """Reads "/" + path, and "" for the root."""
        return Machine(self._pieces, self.groups)

    @cached_property
    def _plain(self) -> re.Pattern[str] | None:
        return compile_plain(self._pieces)

    def matches(self, path: bytes, is_dir: bool = False) -> bool:
        """Whether the file or directory at `path` matches; the root is b"", slashes at the ends mean nothing.

        Kinds match alike; `is_dir` is what a pattern for directories alone would look at.
        """
        name = path.strip(b"/").decode("utf-8", "surrogateescape")
        return self.machine.read(self.machine.start, f"/{name}" if name else "").accepts

    def captures(self, path: bytes) -> tuple[str, ...] | None:
        """What the groups stand for in a path, "" for those that took no part; None when it does not match."""
        name = path.strip(b"/").decode("utf-8", "surrogateescape")
        whole = f"/{name}" if name else ""
        if self._plain is None:
            return self.machine.captures(whole)
        match = self._plain.fullmatch(whole)
        return None if match is None else match.groups("")


@lru_cache(maxsize=256)
def compile_glob(text: str) -> Glob:
    """The glob `text` stands for; SpecError, pointing at the character, when it cannot be read."""
    return Glob(text, *parse_glob(text))
