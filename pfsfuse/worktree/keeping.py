"""The names of a working tree in memory and in its journal, kept in step: a record is carried out in both or neither.

The trees of the store that records speak of are pinned before the record is written (`bases.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pfsfuse.worktree.bases import Bases
from pfsfuse.worktree.journal import Begin, Journal, Move, Record, Swap, Take, damaged
from pfsfuse.worktree.model import ROOT, Model
from store import CommitId, Entry, Store


class Keeping:
    """The model of one working tree, and its journal."""

    def __init__(self, directory: Path, store: Store, repo: str, branch: str, below: Entry | None) -> None:
        """Read what is in `directory` over the tree `below`. Raises WorktreeError when that is damaged; then it is left
        as it is.
        """
        self._store, self._repo, self._branch = store, repo, branch
        self._bases = Bases(store, directory.name)
        self._journal = Journal(directory / "journal")
        self.model = Model(store, below)
        self.changes = 0
        """Changes of names so far."""
        self._replay()

    def _replay(self) -> None:
        try:
            for record in self._journal.found:
                self.model.apply(record)
        except (KeyError, TypeError, AssertionError) as error:
            raise damaged(self._journal.path, f"{error!r} in a record") from None
        self._journal.found = []
        self.model.rest_on(self.model.root.below)
        for item in list(self.model.items.values()):
            if item.folder is None and item.number != ROOT:
                self.model.forget(item)

    def close(self) -> None:
        self._journal.close()

    def sync(self) -> None:
        """All that was done survives the machine from here on."""
        self._journal.sync()

    def do(self, record: Record) -> None:
        """Carry out `record`. Raises OSError (ENOSPC), Conflict when a tree that it speaks of is not there any more;
        then nothing has happened.
        """
        if self.model.begin is None:
            self._begin()
        if isinstance(record, Take | Move | Swap):
            self._bases.keep(self.model.root.below)
        self._write(record)
        self.changes += not isinstance(record, Take)

    def take_from(self, tree: Entry, record: Take) -> None:
        """Carry out a record that takes a file of another tree of this store. Raises as `do`."""
        self._bases.keep(tree)
        self.do(record)
        self.changes += 1

    def _begin(self) -> None:
        repo = self._store.repo(self._repo)
        base = repo.standing(self._branch).base
        self._bases.begin(self.model.root.below)
        self._write(Begin(self._repo, self._branch, None if base is None else bytes(base.id)))
        self.changes += 1

    def _write(self, record: Record) -> None:
        before = self._journal.size
        self._journal.add(record)
        try:
            self.model.apply(record)
        except BaseException:
            self._journal.take_back(before)  # a journal that does not fit could never be read again
            raise

    def begun_on(self) -> Entry | None:
        """The tree that the changes were made to; None: there was none."""
        return self._bases.first()

    def start_over(
        self, tree: Entry | None, commit: CommitId | None, keep: Callable[[Model], list[Record]] | None
    ) -> None:
        """Know of no change in `tree` any more, but for what `keep` makes in the new model and gives the records of.

        The journal holds just these afterwards, at once or not at all. Raises OSError; then all is as it was. The trees
        from before stay pinned until `let_go`.
        """
        model = Model.after(self.model, self._store, tree)
        records: list[Record] = []
        if keep is not None:
            self._bases.begin(tree)
            records.append(Begin(self._repo, self._branch, None if commit is None else bytes(commit)))
            model.apply(records[0])
            records += keep(model)
        self._journal.replace(records)
        self.model = model

    def let_go(self) -> None:
        """Nothing shows through but from the tree that it started over on."""
        if self.model.begin is None:
            self._bases.let_go()
        else:
            self._bases.let_go_of_others()
