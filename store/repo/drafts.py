"""What is staged for a repo's branches: changes that are kept, and are not a commit yet."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from types import EllipsisType

from store.commit import AnyPath, Commit, Draft, draft_handle
from store.edit import ATTEMPTS, Merge, Stage, Standing, TreeEdit, equal_roots, look, plan, record_of
from store.engine import RefsWriting, Writing, find_draft, iter_drafts, move_draft
from store.errors import DraftMoved, HeadMoved
from store.records import DraftRecord, PathConflict
from store.repo.changes import Changes, undecided
from store.repo.together import commit_drafts
from store.tree import Resolve


class Drafts(Changes):
    """The drafts of branches: at most one for each."""

    def find_draft(self, branch: str | None = None) -> Draft | None:
        """What is staged for `branch` (None: the default branch), or None. Raises Corrupt."""
        with self._env.read() as reading:
            record = find_draft(reading, self.name, self._branch(branch))
        return None if record is None else draft_handle(record, self._trees)

    def drafts(self) -> list[Draft]:
        """All drafts in the order of their branches' names. Raises Corrupt."""
        with self._env.read() as reading:
            return [draft_handle(record, self._trees) for record in iter_drafts(reading, self.name)]

    def standing(self, branch: str | None = None) -> Standing:
        """The head of `branch`, its draft and the head that the draft was made on, as of one moment."""
        return look(self._env, self._trees, self.name, self._branch(branch))

    def stage(
        self,
        branch: str | None = None,
        *,
        base: Commit | Draft | EllipsisType | None = ...,
        since: Commit | EllipsisType | None = ...,
        now_ns: int | None = None,
    ) -> Stage:
        """Changes on top of what is staged for `branch`, or of its head; added to its draft when the block ends.

        The branch itself stays where it is until `commit_draft`. Changes that were worked out by looking at the draft,
        or without one at the head, say so with `base`: they then raise DraftMoved or HeadMoved instead of being laid
        over another. Changes that were made on an older head (None: on none) say so with `since`: unless something is
        staged already, that is what the draft is made on, and committing it merges. Raises BadName; InUse when a
        pipeline computes what is in the repo.
        """
        self.check_editable()
        name = self.branch_name(self._branch(branch))
        on = self.standing(name)
        if not isinstance(base, EllipsisType):
            if isinstance(base, Draft):
                if record_of(on.draft) != record_of(base):
                    raise DraftMoved(self.name, name)
            elif on.draft is not None:
                raise DraftMoved(self.name, name)
            elif (base and base.id) != (on.head and on.head.id):
                expected, found = (None if each is None else str(each.id) for each in (base, on.head))
                raise HeadMoved(self.name, name, expected=expected, found=found)
        return Stage(
            self._env,
            self._trees,
            repo=self.name,
            branch=name,
            on=on,
            since=since,
            rebase=isinstance(base, EllipsisType),
            now_ns=now_ns,
        )

    def restore(self, paths: Iterable[AnyPath], branch: str | None = None) -> Draft | None:
        """Take `paths`, with all that is below them, out of the draft of `branch`; what is left of it.

        Each becomes what it was in the head that the draft was made on. A directory that came with what is taken out,
        and holds nothing more, goes too. Raises PathNotFound for a path at which nothing is staged or was; then nothing
        has changed.
        """
        given = list(paths)
        for _ in range(ATTEMPTS):
            draft = self.find_draft(branch)
            if draft is None:
                return None
            try:
                with self.stage(branch, base=draft) as stage:
                    for path in given:
                        stage.restore(path)
                left = stage.result
                base = None if draft.base is None else self.get(draft.base).tree
                if left is not None and next(self._trees.diff(base, left.tree), None) is None:
                    self.drop_draft(
                        branch, draft=left
                    )  # only times differ, those of directories around what was changed
                    left = None
            except (DraftMoved, HeadMoved):
                continue
            return left
        raise DraftMoved(self.name, self._branch(branch))

    def commit_draft(
        self,
        branch: str | None = None,
        *,
        resolve: Resolve = undecided,
        message: str = "",
        author: str | None = None,
    ) -> Merge:
        """Make what is staged for `branch` its next commit; `Store.commit_drafts` does so for several at once.

        Nothing staged: nothing changes. If the head has moved since, what was staged is merged with it, with conflicts
        as for `merge`: ours is the branch. Loses no race.
        """
        from_one = [(self, self._branch(branch))]
        return commit_drafts(
            self._env, self._trees, from_one, resolve=resolve, message=message, author=author
        )[0]

    def rebase_draft(self, branch: str | None = None) -> tuple[PathConflict, ...]:
        """Put what is staged for `branch` on its present head, if that has moved; the conflicts that stand against it.

        With conflicts nothing changes, and the draft stays on the head that it was made on. Loses no race.
        """
        name = self._branch(branch)
        for _ in range(ATTEMPTS):
            on = self.standing(name)
            if on.draft is None or on.head is None or on.head.id == on.draft.base:
                return ()
            found = plan(self._trees, on.base_tree, on.head.tree, on.draft.tree, undecided)
            if found.conflicts:
                return found.conflicts
            with TreeEdit(self._env, self._trees, on.head.tree) as edit:
                found.apply(edit)
                root = edit.save()
            same = equal_roots(on.head.tree, root)
            moved = None if same else DraftRecord(self.name, name, on.head.id, root, on.draft.changed_ns)
            try:
                self._env.write(partial(self._rebase, branch=name, on=on, to=moved))
            except (DraftMoved, HeadMoved):
                continue
            return ()
        raise DraftMoved(self.name, name)

    def _rebase(self, writing: Writing, *, branch: str, on: Standing, to: DraftRecord | None) -> None:
        assert on.head is not None, "a draft is put on a head"
        RefsWriting(writing).check_unmoved(self.name, branch, on.head.id)
        move_draft(writing, self.name, branch, expect=record_of(on.draft), to=to)

    def drop_draft(self, branch: str | None = None, *, draft: Draft | None = None) -> bool:
        """Forget what is staged for `branch`; whether there was anything. Durable on return.

        With `draft` only if it is still that: raises DraftMoved, with nothing changed, when more was staged meanwhile.
        """
        name = self._branch(branch)

        def work(writing: Writing) -> bool:
            found = find_draft(writing, self.name, name)
            expect = found if draft is None else record_of(draft)
            move_draft(writing, self.name, name, expect=expect, to=None)
            return found is not None

        return self._env.write(work)

    def _branch(self, branch: str | None) -> str:
        return self.default_branch if branch is None else branch
