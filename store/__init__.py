"""Versioned, content-addressed trees in LMDB. Synchronous; knows no mount and no event loop.

    import store

    with store.open_or_create("/tmp/data") as data:
        trips = data.create_repo("trips")
        with trips.edit(message="1 July") as edit:
            edit.write("2016/7-01.csv", b"date,trips\\n2016-07-01,39665\\n")
        commit = data.resolve_commit("trips@master.1")
        print(commit.read("2016/7-01.csv"))

`open`, `create` and `open_or_create` give a Store; its `repo` and `create_repo` give a Repo; a Repo's
`commit`, `head` and `log` give Commits, and its `edit` an Edit, which becomes the next commit; its `stage` collects
changes in the branch's Draft until `commit_draft`. `Store.edit_together` makes commits in several repos at once. An
Entry is one name in a commit's tree. Every error is a StoreError and says with `hint()` what to do next. API.md shows
it all at work, README.md is the map of the package.
"""

from typing import TYPE_CHECKING

from store import names
from store.commit import Commit, Draft
from store.edit import Buffer, Edit, FileWriter, Merge, Stage, Standing, Together, TreeEdit
from store.errors import (
    BadArchive,
    BadBundle,
    BadExpression,
    BadName,
    CommitNotFound,
    Conflict,
    Corrupt,
    Diverged,
    DraftMoved,
    Exists,
    Full,
    HeadMoved,
    InUse,
    IsADirectory,
    MergeConflict,
    NewerFormat,
    NotADirectory,
    NotAStore,
    NotFound,
    NotWritable,
    PathNotFound,
    PrerequisiteMissing,
    RefNotFound,
    Refused,
    RepoNotFound,
    SourceChanged,
    SpecialFile,
    StoreError,
)
from store.holes import SparseReader
from store.ids import CommitId, ObjectId
from store.opening import create, open, open_or_create
from store.records import Branch, Change, Entry, Extent, HostFile, PathConflict, Pin, Provenance, Tag
from store.repo import Dropped, Repo, Squashed, Version
from store.shelf import Pins, Shelf
from store.store import Store, Target
from store.tree import Side

if TYPE_CHECKING:
    from store.copying import Copied
    from store.engine.compact import Compacted, Room
    from store.format.bundle import BundledRef, BundledRepo, BundleHeader, Need
    from store.fsck import Affected, Mend, Problem, RepairPlan, Report
    from store.gc import GcPlan, Swept
    from store.ingest import Skipped
    from store.salvaging import Loss, Salvaged, salvage
    from store.stats import RepoStats, Stats
    from store.transfer import (
        BundlePlan,
        ImportPlan,
        LeftOut,
        Move,
        bundle_header,
        export,
        put_tar,
        verify_bundle,
        write_tar,
    )
    from store.upgrade import UpgradePlan

__all__ = [
    "Affected",
    "BadArchive",
    "BadBundle",
    "BadExpression",
    "BadName",
    "Branch",
    "Buffer",
    "BundleHeader",
    "BundlePlan",
    "BundledRef",
    "BundledRepo",
    "Change",
    "Commit",
    "CommitId",
    "CommitNotFound",
    "Compacted",
    "Conflict",
    "Copied",
    "Corrupt",
    "Diverged",
    "Draft",
    "DraftMoved",
    "Dropped",
    "Edit",
    "Entry",
    "Exists",
    "Extent",
    "FileWriter",
    "Full",
    "GcPlan",
    "HeadMoved",
    "HostFile",
    "ImportPlan",
    "InUse",
    "IsADirectory",
    "LeftOut",
    "Loss",
    "Mend",
    "Merge",
    "MergeConflict",
    "Move",
    "Need",
    "NewerFormat",
    "NotADirectory",
    "NotAStore",
    "NotFound",
    "NotWritable",
    "ObjectId",
    "PathConflict",
    "PathNotFound",
    "Pin",
    "Pins",
    "PrerequisiteMissing",
    "Problem",
    "Provenance",
    "RefNotFound",
    "Refused",
    "RepairPlan",
    "Repo",
    "RepoNotFound",
    "RepoStats",
    "Report",
    "Room",
    "Salvaged",
    "Shelf",
    "Side",
    "Skipped",
    "SourceChanged",
    "SparseReader",
    "SpecialFile",
    "Squashed",
    "Stage",
    "Standing",
    "Stats",
    "Store",
    "StoreError",
    "Swept",
    "Tag",
    "Target",
    "Together",
    "TreeEdit",
    "UpgradePlan",
    "Version",
    "bundle_header",
    "create",
    "export",
    "names",
    "open",
    "open_or_create",
    "put_tar",
    "salvage",
    "verify_bundle",
    "write_tar",
]

_LATER = {
    "store.copying": ("Copied",),
    "store.engine.compact": (
        "Compacted",
        "Room",
    ),
    "store.format.bundle": (
        "BundledRef",
        "BundledRepo",
        "BundleHeader",
        "Need",
    ),
    "store.fsck": (
        "Affected",
        "Mend",
        "Problem",
        "RepairPlan",
        "Report",
    ),
    "store.gc": (
        "GcPlan",
        "Swept",
    ),
    "store.ingest": ("Skipped",),
    "store.salvaging": (
        "Loss",
        "Salvaged",
        "salvage",
    ),
    "store.stats": (
        "RepoStats",
        "Stats",
    ),
    "store.transfer": (
        "BundlePlan",
        "ImportPlan",
        "LeftOut",
        "Move",
        "bundle_header",
        "export",
        "put_tar",
        "verify_bundle",
        "write_tar",
    ),
    "store.upgrade": ("UpgradePlan",),
}
"""What few programs need, and the modules that have it: a third of what `import store` takes, so each is imported when
it is asked for.
"""


def __getattr__(name: str) -> object:
    from importlib import import_module

    for module, has in _LATER.items():
        if name in has:
            found = import_module(module)
            globals().update({each: getattr(found, each) for each in has})
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
