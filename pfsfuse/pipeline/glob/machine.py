"""Globs as machines that read a path character by character.

The glob becomes a nondeterministic machine once; the sets of its states that are met while reading become the states
of a deterministic one, made when first needed and remembered. So a step costs one dictionary lookup, a hostile glob
(`*a*a*a*a*b`) costs no more than the product of its length and the path's, and a directory below which nothing can
match is known before it is listed.

    nondeterministic:  `steps[s]`   (what a character must be, next state)   `jumps[s]`  next states for nothing
    deterministic:     a `State`    the set of s it stands for, whether one of them is the end, and what follows
"""

from __future__ import annotations

from pfsfuse.pipeline.glob.grammar import ANY, Char, Choice, OneOf, Run, Sequence

_MAX_STATES = 4096
"""Remembered at most; honest globs need a few dozen, and beyond it steps are only slower."""
_MAX_NAMES = 64
"""Names looked up one by one; beyond it listing the directory is as cheap."""

_ANYTHING = OneOf((), negated=True)


class State:
    """What has been read so far, as far as the glob cares. `dead`: no continuation matches."""

    __slots__ = ("accepts", "dead", "members", "next")

    def __init__(self, members: frozenset[int], accepts: bool) -> None:
        self.members = members
        self.accepts = accepts
        self.dead = not members
        self.next: dict[str, State] = {}


class Machine:
    """Reads paths for one glob. Threads may share it: all that reading changes is what is remembered."""

    def __init__(self, pieces: Sequence) -> None:
        self._steps: list[tuple[Char | OneOf, int] | None] = []
        self._jumps: list[list[int]] = []
        start = self._add()
        self._end = self._build(pieces, start)
        self._states: dict[frozenset[int], State] = {}
        members = self._closure({start})
        self.start = State(members, self._end in members)
        """Before the first character."""

    def read(self, state: State, text: str) -> State:
        """Where `text` leads from `state`."""
        for char in text:
            if state.dead:
                return state
            following = state.next.get(char)
            state = following if following is not None else self._follow(state, char)
        return state

    def names(self, state: State) -> list[str] | None:
        """The few names that can come next, when they can be told without looking; None: any number.

        `state` has just read a "/"; each name ends at the next "/" or where the glob can end.
        """
        complete: set[str] = set()
        growing = [("", state)]
        while growing:
            name, at = growing.pop()
            wanted = [step[0] for member in at.members if (step := self._steps[member]) is not None]
            chars = {step.char for step in wanted if isinstance(step, Char)}
            if len(chars) < len(set(wanted)):
                return None
            if at.accepts or "/" in chars:
                complete.add(name)
            growing += [(name + char, self.read(at, char)) for char in chars if char != "/"]
            if len(complete) + len(growing) > _MAX_NAMES:
                return None
        return sorted(complete - {"", ".", ".."})

    # ---- deterministic
    def _follow(self, state: State, char: str) -> State:
        reached = set()
        for member in state.members:
            step = self._steps[member]
            if step is not None and _takes(step[0], char):
                reached.add(step[1])
        members = self._closure(reached)
        following = self._states.get(members)
        if following is None:
            following = State(members, self._end in members)
            if len(self._states) >= _MAX_STATES:
                return following
            self._states[members] = following
        state.next[char] = following
        return following

    def _closure(self, members: set[int]) -> frozenset[int]:
        todo = list(members)
        while todo:
            for target in self._jumps[todo.pop()]:
                if target not in members:
                    members.add(target)
                    todo.append(target)
        return frozenset(members)

    # ---- nondeterministic
    def _add(self) -> int:
        self._steps.append(None)
        self._jumps.append([])
        return len(self._steps) - 1

    def _build(self, pieces: Sequence, at: int) -> int:
        """Add states that read `pieces` from `at`; the state after them."""
        for piece in pieces:
            after = self._add()
            if isinstance(piece, Choice):
                for branch in piece.branches:
                    begin = self._add()
                    self._jumps[at].append(begin)
                    self._jumps[self._build(branch, begin)].append(after)
            elif isinstance(piece, Run):
                loop = self._add()
                self._jumps[at].append(loop)
                self._steps[loop] = (_ANYTHING if piece.deep else ANY, loop)
                self._jumps[loop].append(after)
            else:
                self._steps[at] = (piece, after)
            at = after
        return at


def _takes(step: Char | OneOf, char: str) -> bool:
    if isinstance(step, Char):
        return step.char == char
    return any(first <= char <= last for first, last in step.ranges) is not step.negated
