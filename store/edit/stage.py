"""What is staged for a branch: looking at it, and an edit that ends in the branch's draft instead of in a commit.

    head ──── base of the draft           a draft is a whole tree, made on the head of its time (its base).
      │          │                        Staging moves the draft and never the branch; a commit takes the draft
      ▼          ▼                        away and moves the branch, in one transaction (`repo/drafts.py`).
    new head   draft

Invariant: a draft differs from its base. One that does not is no draft: it is taken away.
"""

from __future__ import annotations

import time
from functools import partial
from types import EllipsisType, TracebackType

import msgspec

from store import names
from store.commit import AnyPath, Commit, Draft, draft_handle, handle
from store.edit.commit import ATTEMPTS, equal_roots
from store.edit.merge import plan
from store.edit.tree import TreeEdit
from store.engine import Environment, Refs, RefsWriting, Writing, find_draft, move_draft
from store.errors import DraftMoved, HeadMoved, PathNotFound
from store.ids import CommitId
from store.records import DraftRecord, Entry, PathConflict
from store.trees import Trees


class Standing(msgspec.Struct, frozen=True):
    """A branch and what is staged for it, as of one moment."""

    head: Commit | None
    """None: no commit yet, or no such branch."""
    draft: Draft | None
    """None: nothing is staged."""
    base: Commit | None
    """The head that the draft was made on; the head itself without a draft."""

    @property
    def tree(self) -> Entry | None:
        """What more is staged on top of; None: nothing is there."""
        found = self.draft or self.base
        return None if found is None else found.tree

    def since(self, base: Commit | EllipsisType | None) -> Standing:
        """The same for changes that were made on the head `base` (...: on this one), unless a draft is there."""
        if self.draft is not None or isinstance(base, EllipsisType):
            return self
        return Standing(self.head, None, base)

    @property
    def base_tree(self) -> Entry | None:
        """What the draft is compared with."""
        return None if self.base is None else self.base.tree


def look(env: Environment, trees: Trees, repo: str, branch: str) -> Standing:
    """How `branch` stands now. Raises Corrupt, RepoNotFound."""
    with env.read() as reading:
        refs = Refs(reading)
        refs.get_repo(repo)

        def commit(name: CommitId | None) -> Commit | None:
            return None if name is None else handle(refs.get_link(repo, name), trees)

        head = commit(refs.find_head(repo, branch))
        record = find_draft(reading, repo, branch)
        if record is None:
            return Standing(head, None, head)
        return Standing(head, draft_handle(record, trees), commit(record.base))


class Stage(TreeEdit):
    """Changes to a branch's draft. As a context manager it stages at the end, or discards when anything is raised."""

    def __init__(
        self,
        env: Environment,
        trees: Trees,
        *,
        repo: str,
        branch: str,
        on: Standing,
        since: Commit | EllipsisType | None = ...,
        rebase: bool = True,
        now_ns: int | None = None,
    ) -> None:
        self._at_ns = time.time_ns() if now_ns is None else now_ns
        on = on.since(since)
        super().__init__(env, trees, on.tree, now_ns=self._at_ns)
        self._env, self._trees = env, trees
        self._repo, self._branch, self._on, self._may_rebase = repo, branch, on, rebase
        self._since = since
        """The head that the changes were made on, when that is an older one."""
        self.result: Draft | None = on.draft
        """The draft that this made, or when nothing was changed the one it began on; None: nothing is staged."""
        self.changed = False
        """Whether the draft was changed."""
        self._ended = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._ended:
                self.stage()
        finally:
            super().__exit__(kind, error, trace)

    def restore(self, path: AnyPath) -> None:
        """Make `path`, with all below it, what it was in the head that the draft was made on; "" is all of it.

        Raises PathNotFound when nothing is or was there.
        """
        raw, base = names.path(path), self._on.base_tree
        was = self._was(raw)
        if not raw:
            if base is None:
                self.remove(raw)
            else:
                self.graft(raw, base)
        elif was is not None:
            for above in _above(raw):
                self._restore_directory(above)
            self.graft(raw, was)
        elif self.find(raw) is not None:
            self.remove(raw)
            self._prune(raw)
        else:
            raise PathNotFound(raw, where=f"the draft of {self._repo}@{self._branch}")

    def replay(self, old: Entry | None, new: Entry | None) -> tuple[PathConflict, ...]:
        """Make the change that turns the directory `old` into `new` (trees of this store; None: empty).

        What stands against it is the answer, in the order of paths; then nothing is made. To be called first.
        """
        found = plan(self._trees, old, self._on.tree, new, lambda conflict: None)
        if not found.conflicts:
            found.apply(self)
        return found.conflicts

    def stage(self) -> Draft | None:
        """Write everything and move the draft; what it is now. Durable on return: survives power loss.

        If someone else staged or committed meanwhile, the changes are laid over what they made of the branch;
        DraftMoved or HeadMoved only after losing that race 100 times, or at once when the stage was made on one `base`,
        or adds to a file that they changed.
        Raises Full, RepoNotFound; Exists when a tag has the branch's name. The draft is then what it was.
        """
        for attempt in range(ATTEMPTS):
            made = self._draft(self._save_tree())
            try:
                if made != self._on.draft:
                    self._writer.flush(partial(self._move, to=made))
                    self.changed = True
                self._ended = True
                self.result = None if made is None else draft_handle(made, self._trees)
                return self.result
            except (DraftMoved, HeadMoved):
                if attempt == ATTEMPTS - 1 or not self._may_rebase:
                    raise
                on = look(self._env, self._trees, self._repo, self._branch).since(self._since)
                if not self._replaced and not self._followed.holds_in(on.tree):
                    raise
                self._on = on
                if not self._replaced:
                    self._overlaid.base = self._on.tree
        raise AssertionError("the loop returns or raises")

    def _was(self, path: bytes) -> Entry | None:
        """What the base has at `path`."""
        base = self._on.base_tree
        return None if base is None else self._trees.find(base, path)

    def _restore_directory(self, path: bytes) -> None:
        """Have a directory at `path`, if there is none the base's, without what was in it."""
        here, was = self.find(path), self._was(path)
        if here is not None and here.is_dir:
            return
        if here is not None:
            self.remove(path)
        if was is not None:
            self.mkdir(path, mode=was.mode, mtime_ns=was.mtime_ns)

    def _prune(self, path: bytes) -> None:
        """Remove the directories above `path` that came with it, and hold nothing more."""
        for above in reversed(_above(path)):
            staged = None if self._on.tree is None else self._trees.find(self._on.tree, above)
            if staged is None or not staged.is_dir or self._was(above) is not None:
                return
            names_in = (each.name for each in self._trees.iter_directory(staged))
            if any(self.find(above + b"/" + name) is not None for name in names_in):
                return
            self.remove(above)

    def _draft(self, root: Entry) -> DraftRecord | None:
        """What `root` makes of the draft: the one that is there when nothing changed, none when it is like its base."""
        old, base = self._on.draft, self._on.base
        if old is not None and equal_roots(old.tree, root):
            return old
        if root.content is None if base is None else equal_roots(base.tree, root):
            return None
        return DraftRecord(self._repo, self._branch, None if base is None else base.id, root, self._at_ns)

    def _move(self, writing: Writing, *, to: DraftRecord | None) -> bool:
        refs = RefsWriting(writing)
        refs.get_repo(self._repo)
        refs.check_free(self._repo, self._branch)
        if self._on.draft is None:
            head = self._on.head
            refs.check_unmoved(self._repo, self._branch, None if head is None else head.id)
        move_draft(writing, self._repo, self._branch, expect=record_of(self._on.draft), to=to)
        return True


def _above(path: bytes) -> list[bytes]:
    """The directories that lead to `path`, the outermost first; the root left out."""
    parts = path.split(b"/")
    return [b"/".join(parts[:end]) for end in range(1, len(parts))]


def record_of(draft: Draft | None) -> DraftRecord | None:
    """`draft` as it is stored, for comparing."""
    if draft is None:
        return None
    return DraftRecord(draft.repo, draft.branch, draft.base, draft.tree, draft.changed_ns)
