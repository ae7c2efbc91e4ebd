"""What else people keep versions of data with, each by the commands of its manual, with its defaults.

A contender keeps its things in one directory: `begin` makes an empty store there, `put` stores a source directory under
a label. Both are commands, so that all are timed alike, as whole processes.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Commands = Sequence[Sequence[str | Path]]
PFS = (sys.executable, "-m", "pfsfuse.cli")
"""As `pfs` is run, with the code of this tree."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One tool; the functions are given the directory in which it may keep everything."""

    name: str
    begin: Callable[[Path], Commands]
    put: Callable[[Path, Path, str], Commands]
    """Given the source and a label, too. What is in the source is stored, with its name or without."""
    env: Callable[[Path], Mapping[str, str]] = lambda where: {}
    tidy: Callable[[Path], Commands] | None = None
    """Its own way of making the store small, if it has one that people run by hand."""

    @property
    def installed(self) -> bool:
        return shutil.which(self.name) is not None


def store_of(where: Path) -> Path:
    """The directory of which the size is that of the store."""
    return where / "store"


def _git_env(where: Path) -> Mapping[str, str]:
    who = {"NAME": "bench", "EMAIL": "bench@localhost"}
    people = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    # A gc in the background would go on while others are measured, and while its directory is removed.
    quiet = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "gc.auto", "GIT_CONFIG_VALUE_0": "0"}
    where_ = {"GIT_DIR": str(store_of(where)), "HOME": str(where), "GIT_CONFIG_NOSYSTEM": "1"}
    return {**people, **quiet, **where_}


OURS = Contender(
    "pfs",
    lambda where: [[*PFS, "--store", store_of(where), "repo", "create", "data"]],
    lambda where, source, label: [
        [*PFS, "--store", store_of(where), "put", "-r", f"{source}/.", "data", "-m", label]
    ],
    lambda where: {"XDG_STATE_HOME": str(where / "state"), "XDG_CACHE_HOME": str(where / "cache")},
)
COPY = Contender(
    "cp",
    lambda where: [["mkdir", "-p", store_of(where)]],
    lambda where, source, label: [
        ["cp", "-r", source, store_of(where) / label],
        ["find", store_of(where) / label, "-type", "f", "-exec", "sync", "{}", "+"],
    ],
)
"""cp, then fsync of each file: as fast as the disk takes plain files."""

PEERS = {
    peer.name: peer
    for peer in (
        Contender(
            "restic",
            lambda where: [["restic", "init", "-q"]],
            lambda where, source, label: [["restic", "backup", "-q", source]],
            lambda where: {
                "RESTIC_REPOSITORY": str(store_of(where)),
                "RESTIC_PASSWORD": "bench",
                "RESTIC_CACHE_DIR": str(where / "cache"),
            },
        ),
        Contender(
            "borg",
            lambda where: [["borg", "init", "-e", "none", store_of(where)]],
            lambda where, source, label: [["borg", "create", f"{store_of(where)}::{label}", source]],
            lambda where: {
                "BORG_BASE_DIR": str(where / "base"),
                "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
                "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
            },
        ),
        Contender(
            "casync",
            lambda where: [["mkdir", "-p", store_of(where)]],
            lambda where, source, label: [
                [
                    "casync",
                    "make",
                    f"--store={store_of(where)}/default.castr",
                    store_of(where) / f"{label}.caidx",
                    source,
                ]
            ],
        ),
        Contender(
            "bup",
            lambda where: [["bup", "init"]],
            lambda where, source, label: [
                ["bup", "index", source],
                ["bup", "save", "-q", "-n", "data", source],
            ],
            lambda where: {"BUP_DIR": str(store_of(where))},
        ),
        Contender(
            "git",
            # Its collector would go on behind the commands, in a directory that is removed.
            lambda where: [
                ["git", "init", "-q", "--bare", store_of(where)],
                ["git", "-C", store_of(where), "config", "gc.autoDetach", "false"],
            ],
            lambda where, source, label: [
                ["git", f"--work-tree={source}", "add", "-A", source],
                ["git", f"--work-tree={source}", "commit", "-q", "--allow-empty", "-m", label],
            ],
            _git_env,
            lambda where: [["git", "gc", "-q"]],
        ),
    )
}
