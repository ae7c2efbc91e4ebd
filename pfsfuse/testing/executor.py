"""An executor whose transforms are a script instead of processes; what it keeps is kept for real."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import trio

from pfsfuse.worker.api import Outcome, Task, datum_pin
from pfsfuse.worker.note import Note, encode
from store import Entry, Store

Files = Mapping[str, bytes]


def one_file(task: Task) -> Files:
    """A file named after each path the datum reads, holding that path."""
    return {path.strip("/") or each.name: path.encode() for each in task.launch.inputs for path in each.paths}


class FakeExecutor:
    """Runs tasks by a script: `FakeExecutor(store, "ok fail hang")` succeeds, fails, then hangs until cancelled;
    when the script is over, everything succeeds.

        ok        what `transform` gives for the task is saved and pinned, as a worker would
        fail      exit code 1
        recover   exit code 1, and its err_cmd succeeds
        hang      never ends by itself
        die       the executor itself fails, with the exception `Broken`
    """

    class Broken(Exception):
        """The executor cannot go on."""

    def __init__(
        self, store: Store, script: str = "", *, slots: int = 2, transform: Callable[[Task], Files] = one_file
    ) -> None:
        self._store = store
        self._script = script.split()
        self._slots = slots
        self._transform = transform
        self.started: list[Task] = []
        """Every task, in the order in which they were given."""
        self.running = 0
        self.most_running = 0
        """The most tasks that ran at the same time."""

    @property
    def slots(self) -> int:
        return self._slots

    async def run(self, task: Task) -> Outcome:
        """Act out the next word of the script."""
        word = self._script.pop(0) if self._script else "ok"
        self.started.append(task)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await trio.lowlevel.checkpoint()
            return await self._act(word, task)
        finally:
            self.running -= 1

    async def _act(self, word: str, task: Task) -> Outcome:
        match word:
            case "ok":
                return await trio.to_thread.run_sync(self._keep, task)
            case "recover":
                return Outcome(datum=task.datum, state="recovered", exit_code=1, reason="exit code 1")
            case "fail":
                return Outcome(datum=task.datum, state="failed", exit_code=1, reason="exit code 1")
            case "hang":
                await trio.sleep_forever()
            case "die":
                raise self.Broken
        raise ValueError(f"no such word in a script: {word!r}")

    def _keep(self, task: Task) -> Outcome:
        with self._store.edit_tree() as edit:
            for path, data in self._transform(task).items():
                edit.write(path, data)
            tree = edit.save_pinned(datum_pin(task.datum), lambda tree: encode(_note(task, tree)))
        return Outcome(datum=task.datum, state="success", exit_code=0, files=tree.files, size=tree.size)


def _note(task: Task, tree: Entry) -> Note:
    return Note(
        pipeline=task.pipeline,
        job=task.job,
        files=tree.files,
        size=tree.size,
        finished_ns=time.time_ns(),
    )
