"""What keeps a store in order: checking, mending, collecting, compacting, copying, upgrading, measuring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from store import header
from store.chunker import Chunker
from store.engine import Environment
from store.errors import NewerFormat, NotAStore
from store.format import tables
from store.format.tables import FORMAT, Header

if TYPE_CHECKING:
    from store import copying, fsck, gc
    from store.copying import Copied
    from store.engine import compact
    from store.engine.compact import Compacted, Room
    from store.fsck import RepairPlan
    from store.gc import GcPlan, Swept
    from store.stats import Stats
    from store.upgrade import UpgradePlan


class Upkeep:
    """The part of a store that is about the store as a whole; what is seldom done is imported when it is done."""

    path: Path
    header: Header
    _env: Environment

    def check(
        self, *, read_data: bool = False, progress: fsck.Progress = lambda what, done, total: None
    ) -> fsck.Report:
        """Whether every invariant of the format pages holds, and whom damage affects. Damage is never raised.

        `read_data` verifies every byte; without it files' chunks are not read. `progress` is told what is being
        checked, how many are done, and how many there are. A damaged page of LMDB's own may end the process: check a
        store that is in doubt in a process of its own, as `pfs store check` does.
        """
        from store import fsck

        return fsck.check(self._env, read_data=read_data, progress=progress)

    def plan_repair(self, progress: fsck.Progress = lambda what, done, total: None) -> RepairPlan:
        """What of the store's damage can be mended without loss; changes nothing. Reads every byte.

        Raises Corrupt when the database itself is damaged: `salvage` gets out what can be read. See `check` for what a
        damaged page may do.
        """
        from store import fsck

        return fsck.plan_repair(self._env, progress)

    def repair(self, plan: RepairPlan) -> int:
        """Mend what `plan` says, as far as it is still so; how many records were written or removed. Durable on return.

        Safe beside readers and writers. Another plan may find more, when one mend shows what another one needs.
        """
        from store import fsck

        return fsck.repair(self._env, plan)

    def plan_gc(self, progress: gc.Progress = lambda objects: None) -> GcPlan:
        """What no commit and no pin leads to any more; changes nothing. `progress` is told the objects met so far.

        Raises Corrupt when damage hides what is alive: then nothing may be dropped.
        """
        from store import gc

        return gc.plan_gc(self._env, progress)

    def sweep(
        self, plan: GcPlan, *, patience_seconds: float = 30.0, progress: gc.Progress = lambda segments: None
    ) -> Swept:
        """Drop what `plan` found dead and still is, so that its space is used again. `progress`: segments done so far.

        Safe beside readers, writers and mounts. Edits that begin meanwhile wait a moment. Raises InUse, having changed
        nothing, when edits that had begun are still at work after `patience_seconds`; an edit of this process counts.
        """
        from store import gc

        return gc.sweep(self._env, plan, patience_seconds=patience_seconds, progress=progress)

    def plan_compact(self) -> Room:
        """How much room free pages take in the database's file; changes nothing. Raises Corrupt."""
        from store.engine import compact

        return compact.plan_compact(self._env)

    def compact(self, progress: compact.Progress = lambda done, total: None) -> Compacted:
        """Give the space of free pages back to the file system, beside readers and writers. `progress`: pages, of all.

        Raises Corrupt when LMDB's own pages do not add up, and Refused where the file system cannot take back parts of
        a file; then nothing was given back.
        """
        from store.engine import compact

        return compact.compact(self._env, progress)

    def copy(
        self,
        destination: str | Path,
        *,
        read_data: bool = False,
        progress: copying.Progress = lambda what, done, total: None,
    ) -> Copied:
        """Copy the store as it is at this moment to the new or empty directory `destination`, while others go on.

        All repos with their drafts, pins and shelves, without free pages, under another id; checked (`read_data`: every
        byte) and durable on return. Raises Refused, Full, NotWritable, Corrupt; then there is no copy.
        """
        from store import copying

        return copying.copy(self._env, destination, read_data=read_data, progress=progress)

    def plan_upgrade(self) -> UpgradePlan:
        """What `upgrade` would do."""
        from store import upgrade

        return upgrade.plan_upgrade(self._read_header())

    def upgrade(self) -> UpgradePlan:
        """Give the store everything that this version can do, all or nothing; what was done. Durable on return.

        Earlier versions cannot open it afterwards. Raises InUse when a step needs the store for itself and other
        processes have it open; then nothing has changed.
        """
        from store import upgrade

        done = upgrade.upgrade(self._env)
        self.header = self._read_header()
        return done

    def stats(self) -> Stats:
        """Logical, unique and stored bytes, by repo and altogether. Raises Corrupt."""
        from store import stats

        return stats.measure(self._env)

    def _read_header(self) -> Header:
        with self._env.read() as reading:
            found = header.find(reading)
        if found is None:
            raise NotAStore(self.path, "its database has no header")
        unknown = tuple(name for name in found.features if name not in tables.FEATURES)
        if found.format > FORMAT or unknown:
            raise NewerFormat(self.path, found.format, FORMAT, unknown)
        Chunker.of(found.chunker)
        return found
