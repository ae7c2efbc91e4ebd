"""From the trees of datums to one commit of the output repo.

Trees are merged by grafting: what only one datum wrote is taken over whole, by reference; only directories
that several datums wrote into are opened. The commit is the one visible step of a job: before it readers
see the last good head, after it the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from operator import or_

from pfsfuse.errors import JobError
from pfsfuse.scheduler.job import Job
from store import Commit, CommitId, Edit, Entry, Provenance, Store, TreeEdit

Layer = tuple[str, Entry]
"""Who wrote it, in words for a message, and the directory."""

BEFORE = "an earlier job"
"""Who wrote what an output had already."""


class OutputCollision(JobError):
    """Two datums wrote the same path, and neither is right."""

    def __init__(self, path: bytes, first: str, second: str) -> None:
        shown = path.decode("utf-8", "backslashreplace")
        super().__init__(f"/pfs/out/{shown} is written by {first} and by {second}")
        self.path = path

    def hint(self) -> str:
        return "have each datum write to a path of its own, one that contains its input's name, say"


def merge(store: Store, trees: Iterable[Layer]) -> Entry:
    """The union of the trees. Raises OutputCollision for a path that two of them have and that is not a
    directory in both: it makes no difference whether the contents are equal. A directory in several of them gets all
    their permission bits and the newest of their times, whatever their order."""
    with store.edit_tree() as edit:
        _merge(store, edit, None, list(trees))
        return edit.save()


def graft(store: Store, base: Entry, gone: Iterable[Layer], come: Iterable[Layer]) -> Entry | None:
    """`base`, an earlier union, without the trees `gone`, which it has in it, and with the trees `come`. What goes and
    comes back as it was keeps its time.

    None where that is not to be told from `base` alone: a tree that goes has directories, which others may have made
    too; or it is not what `base` has in it, another pipeline having computed the same datum since; or there is a
    collision, of which `merge` knows both sides.
    """
    with store.edit_tree(base) as edit:
        for _, tree in gone:
            for entry in store.iter_directory(tree):
                there = edit.find(entry.name)
                if entry.is_dir or there is None or there.identity() != entry.identity():
                    return None
                edit.remove(entry.name)
        try:
            _merge(store, edit, base, list(come))
        except OutputCollision:
            return None
        return edit.save()


def _merge(store: Store, edit: TreeEdit, base: Entry | None, trees: list[Layer]) -> None:
    """Put the union of `trees` on top of `base`, which is what the edit began with. Raises OutputCollision."""
    todo: list[tuple[bytes, list[Layer]]] = [(b"", trees)]
    while todo:
        path, layers = todo.pop()
        names: dict[bytes, list[Layer]] = {}
        for writer, directory in layers:
            for entry in store.iter_directory(directory):
                names.setdefault(entry.name, []).append((writer, entry))
        for name, found in names.items():
            here = path + b"/" + name if path else name
            there = edit.find(here) if base is not None else None
            if there is not None:
                found.insert(0, (BEFORE, there))
            _, entry = found[0]
            if len(found) == 1:
                edit.graft(here, entry)
                continue
            if other := next((each for each in found if not each[1].is_dir), None):
                first, second = (other, found[1]) if other is found[0] else (found[0], other)
                raise OutputCollision(here, first[0], second[0])
            newest = max(each.mtime_ns for _, each in found)
            mode = reduce(or_, (each.mode for _, each in found)) & 0o7777
            edit.mkdir(here, mode=mode, mtime_ns=newest)
            todo.append((here, found if there is None else found[1:]))


def find_output(store: Store, job: Job) -> Commit | None:
    """The commit this job has made already, finished or failed: its scheduler died before recording the
    end."""
    return store.find_commit(job.pipeline, CommitId.parse(job.id))


Hold = Callable[[Edit], None]
"""Says of an edit what must be so for it to become a commit."""


def commit_output(store: Store, job: Job, tree: Entry, hold: Hold) -> Commit:
    """Make `tree` the head of the job's output branch. Raises Conflict when what `hold` asks for is not so."""
    edit = _edit(store, job, f"{job.pipeline}: {job.total} datum{'' if job.total == 1 else 's'}")
    hold(edit)
    with edit:
        edit.graft("", tree)
    assert edit.result is not None  # allow_empty: there is always a commit
    return edit.result


def fail_output(store: Store, job: Job, reason: str, hold: Hold) -> Commit:
    """Record a failed commit, which no branch points to, with the reason; the head stays as it is. Raises Conflict when
    what `hold` asks for is not so."""
    edit = _edit(store, job, f"{job.pipeline}: failed")
    hold(edit)
    return edit.fail(reason)


def _edit(store: Store, job: Job, message: str) -> Edit:
    return store.repo(job.pipeline).edit(
        job.output_branch,
        message=message,
        provenance=provenance(job),
        origin="pipeline",
        commit_id=CommitId.parse(job.id),
        allow_empty=True,
    )


def provenance(job: Job) -> tuple[Provenance, ...]:
    """The exact input commits, each once."""
    return tuple(
        dict.fromkeys(Provenance(each.repo, each.branch, CommitId.parse(each.commit)) for each in job.inputs)
    )
