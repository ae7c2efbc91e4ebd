"""From the trees of datums to one commit of the output repo.

Trees are merged by grafting: what only one datum wrote is taken over whole, by reference; only directories
that several datums wrote into are opened. The commit is the one visible step of a job: before it readers
see the last good head, after it the new one.
"""

from __future__ import annotations

from collections.abc import Iterable

from pfsfuse.errors import JobError
from pfsfuse.scheduler.job import Job
from store import Commit, CommitId, Edit, Entry, Provenance, Store

Layer = tuple[str, Entry]
"""Who wrote it, in words for a message, and the directory."""


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
    directory in both: it makes no difference whether the contents are equal."""
    with store.edit_tree() as edit:
        todo: list[tuple[bytes, list[Layer]]] = [(b"", list(trees))]
        while todo:
            path, layers = todo.pop()
            names: dict[bytes, list[Layer]] = {}
            for writer, directory in layers:
                for entry in store.iter_directory(directory):
                    names.setdefault(entry.name, []).append((writer, entry))
            for name, found in names.items():
                here = path + b"/" + name if path else name
                _, entry = found[0]
                if len(found) == 1:
                    edit.graft(here, entry)
                    continue
                if other := next((each for each in found if not each[1].is_dir), None):
                    first, second = (other, found[1]) if other is found[0] else (found[0], other)
                    raise OutputCollision(here, first[0], second[0])
                newest = max(each.mtime_ns for _, each in found)
                edit.mkdir(here, mode=entry.mode & 0o7777, mtime_ns=newest)
                todo.append((here, found))
        return edit.save()


def find_output(store: Store, job: Job) -> Commit | None:
    """The commit this job has made already, finished or failed: its scheduler died before recording the
    end."""
    return store.find_commit(job.pipeline, CommitId.parse(job.id))


def commit_output(store: Store, job: Job, tree: Entry) -> Commit:
    """Make `tree` the head of the job's output branch."""
    edit = _edit(store, job, f"{job.pipeline}: {job.total} datum{'' if job.total == 1 else 's'}")
    with edit:
        edit.graft("", tree)
    assert edit.result is not None  # allow_empty: there is always a commit
    return edit.result


def fail_output(store: Store, job: Job, reason: str) -> Commit:
    """Record a failed commit, which no branch points to, with the reason; the head stays as it is."""
    return _edit(store, job, f"{job.pipeline}: failed").fail(reason)


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
