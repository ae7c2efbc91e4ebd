"""Globs as machines that read a path character by character.

The glob becomes a nondeterministic machine once; the sets of its states that are met while reading become the states
of a deterministic one, made when first needed and remembered. So a step costs one dictionary lookup, a hostile glob
(`*a*a*a*a*b`) costs no more than the product of its length and the path's, and a directory below which nothing can
match is known before it is listed.

    nondeterministic:  `steps[s]`   (what a character must be, next state)   `jumps[s]`  next states for nothing
    deterministic:     a `State`    the set of s it stands for, whether one of them is the end, and what follows

What `!(a|b)` leaves out has a machine of its own, which reads along: while the outer one is at such an s, it is at a
pair of s and the inner state, and may go on where the inner one has not just read an `a` or a `b`.

Captures are looked for only in paths that match, by trying the ways through the states in order, each state at each
character at most once: that, too, costs no more than the product of the lengths.
"""

from __future__ import annotations

from typing import NamedTuple

from pfsfuse.pipeline.glob.grammar import ANY, Char, Choice, Group, OneOf, Run, Sequence

_MAX_STATES = 4096
"""Remembered at most; honest globs need a few dozen, and beyond it steps are only slower."""
_MAX_NAMES = 64
"""Names looked up one by one; beyond it listing the directory is as cheap."""

_ANYTHING = OneOf((), negated=True)


class State:
    """What has been read so far, as far as the glob cares. `dead`: no continuation matches."""

    __slots__ = ("accepts", "dead", "members", "next")

    def __init__(self, members: frozenset[Member], accepts: bool) -> None:
        self.members = members
        self.accepts = accepts
        self.dead = not members
        self.next: dict[str, State] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.members == other.members

    def __hash__(self) -> int:
        return hash(self.members)


Member = int | tuple[int, State]


class _Without(NamedTuple):
    """Reads any run of characters but "/" that the inner machine does not accept."""

    inner: Machine
    after: int


class Machine:
    """Reads paths for one glob. Threads may share it: all that reading changes is what is remembered."""

    def __init__(self, pieces: Sequence, groups: int = 0) -> None:
        self._groups = groups
        self._steps: list[tuple[Char | OneOf, int] | _Without | None] = []
        self._jumps: list[list[int]] = []
        self._marks: dict[int, int] = {}
        """States at which a capture begins (twice its number) or ends (one more)."""
        start = self._add()
        self._end = self._build(pieces, start)
        self._states: dict[frozenset[Member], State] = {}
        members = self._closure({start})
        self.start = State(members, self._end in members)
        """Before the first character."""
        self._first = start

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
            wanted = {step[0] for member in at.members if (step := self._step(member)) is not None}
            chars = {step.char for step in wanted if isinstance(step, Char)}
            if len(chars) < len(wanted):
                return None
            if at.accepts or "/" in chars:
                complete.add(name)
            growing += [(name + char, self.read(at, char)) for char in chars if char != "/"]
            if len(complete) + len(growing) > _MAX_NAMES:
                return None
        return sorted(complete - {"", ".", ".."})

    def captures(self, text: str) -> tuple[str, ...] | None:
        """What each group stands for in `text`, "" for one that took no part; None when `text` does not match.

        Of several ways to read it the first that fits counts: runs and repetitions as long as they can be, branches in
        the order they are written.
        """
        tried: set[tuple[int, int]] = set()
        found: dict[int, int] = {}
        # (state, position) to go to; or (-1 - mark, what its position was), to be put back
        todo: list[tuple[int, int]] = [(self._first, 0)]
        while todo:
            state, at = todo.pop()
            if state < 0:
                found[-1 - state] = at
                continue
            if (state, at) in tried:
                continue
            tried.add((state, at))
            if (mark := self._marks.get(state)) is not None:
                todo.append((-1 - mark, found.get(mark, -1)))
                found[mark] = at
            if state == self._end and at == len(text):
                spans = ((found.get(2 * n, -1), found.get(2 * n + 1, -1)) for n in range(1, self._groups + 1))
                return tuple(text[start:end] if 0 <= start <= end else "" for start, end in spans)
            todo += [(target, at) for target in reversed(self._jumps[state])]
            todo += self._ahead(state, text, at)
        return None

    def _ahead(self, state: int, text: str, at: int) -> list[tuple[int, int]]:
        """Where reading from `state` at `at` leads, the best last."""
        step = self._steps[state]
        if step is None:
            return []
        if not isinstance(step, _Without):
            return [(step[1], at + 1)] if at < len(text) and _takes(step[0], text[at]) else []
        inner, found = step.inner.start, []
        while True:
            if not inner.accepts:
                found.append((step.after, at))
            if at == len(text) or text[at] == "/":
                return found
            inner = step.inner.read(inner, text[at])
            at += 1

    # ---- deterministic
    def _follow(self, state: State, char: str) -> State:
        reached: set[Member] = set()
        for member in state.members:
            here, inner = member if isinstance(member, tuple) else (member, None)
            step = self._steps[here]
            if isinstance(step, _Without):
                if inner is not None and char != "/":
                    reached.add((here, step.inner.read(inner, char)))
            elif step is not None and _takes(step[0], char):
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

    def _closure(self, members: set[Member]) -> frozenset[Member]:
        todo = list(members)
        while todo:
            for target in self._free(todo.pop()):
                if target not in members:
                    members.add(target)
                    todo.append(target)
        return frozenset(members)

    def _free(self, member: Member) -> list[Member]:
        """Where `member` leads without a character."""
        if isinstance(member, tuple):
            here, inner = member
            step = self._steps[here]
            return [step.after] if isinstance(step, _Without) and not inner.accepts else []
        step = self._steps[member]
        if isinstance(step, _Without):
            return [(member, step.inner.start)]
        return [*self._jumps[member]]

    def _step(self, member: Member) -> tuple[Char | OneOf, int] | None:
        if isinstance(member, tuple):
            return ANY, member[0]
        step = self._steps[member]
        return None if isinstance(step, _Without) else step

    # ---- nondeterministic: of several ways on, a step comes before jumps, and jumps come in order
    def _add(self) -> int:
        self._steps.append(None)
        self._jumps.append([])
        return len(self._steps) - 1

    def _build(self, pieces: Sequence, at: int) -> int:
        """Add states that read `pieces` from `at`; the state after them."""
        for piece in pieces:
            after = self._add()
            if isinstance(piece, Choice):
                self._branch(piece.branches, at, after)
            elif isinstance(piece, Group):
                self._group(piece, at, after)
            elif isinstance(piece, Run):
                loop = self._add()
                self._jumps[at].append(loop)
                self._steps[loop] = (_ANYTHING if piece.deep else ANY, loop)
                self._jumps[loop].append(after)
            else:
                self._steps[at] = (piece, after)
            at = after
        return at

    def _branch(self, branches: tuple[Sequence, ...], at: int, after: int) -> None:
        for branch in branches:
            begin = self._add()
            self._jumps[at].append(begin)
            self._jumps[self._build(branch, begin)].append(after)

    def _group(self, group: Group, at: int, after: int) -> None:
        opened, closed = self._add(), self._add()
        self._marks[opened] = 2 * group.number
        self._marks[closed] = 2 * group.number + 1
        self._jumps[at].append(opened)
        self._jumps[closed].append(after)
        if group.kind == "!":
            self._steps[opened] = _Without(Machine((Choice(group.branches),)), closed)
            return
        if group.kind in "*+":
            begin, end = self._add(), self._add()
            self._jumps[opened].append(begin)
            self._branch(group.branches, begin, end)
            self._jumps[end] += [begin, closed]
        else:
            self._branch(group.branches, opened, closed)
        if group.kind in "*?":
            self._jumps[opened].append(closed)


def _takes(step: Char | OneOf, char: str) -> bool:
    if isinstance(step, Char):
        return step.char == char
    return any(first <= char <= last for first, last in step.ranges) is not step.negated
