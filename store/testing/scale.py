"""Large directories and long histories, made in seconds: the same records that edits would leave, without the edits.

Everything is honest: each file has contents of its own, each commit a tree that exists, ids, digests and jumps as
`Edit.commit` writes them, so that `check` finds nothing wrong. Only the transactions are larger.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from store import tree
from store.commit import Commit
from store.engine import ObjectWriter, RefsWriting, Writing
from store.format import commit as commits
from store.history import jump_depth
from store.ids import CommitId
from store.records import CommitRecord, Entry
from store.repo import Repo

BATCH = 20_000
"""Commits in a transaction."""
SECOND_NS = 1_000_000_000


def grow_files(repo: Repo, count: int, *, per_directory: int | None = None, seed: int = 0) -> Commit:
    """Commit `count` small files to the default branch: all in the root, or `per_directory` in each directory.

    Files are called `file-0000000` and so on, directories `dir-00000`; every file's contents are its own.
    """
    with repo.edit(message=f"{count} files", now_ns=SECOND_NS) as edit:
        writer = edit._writer
        entries = _files(writer, count, seed)
        if per_directory is None:
            root = _directory(b"", entries, writer)
        else:
            root = _directory(b"", _directories(entries, count, per_directory, writer), writer)
        writer.flush()
        edit.graft("", root)
    assert edit.result is not None, "files were committed"
    return edit.result


def grow_history(repo: Repo, count: int, trees: Sequence[Entry], *, start_ns: int = SECOND_NS) -> Commit:
    """Add `count` commits to the default branch, a second apart, whose trees are `trees` in turn; the last one."""
    made = [] if (head := repo.head()) is None else list(_ids_back(repo, head))
    last: CommitRecord | None = head
    while count > 0:
        size = min(BATCH, count)
        last = repo._env.write(partial(_append, repo, last, made, size, trees, start_ns))
        count -= size
    assert last is not None, "commits were made"
    return repo.get(last.id)


def _files(writer: ObjectWriter, count: int, seed: int) -> Iterator[Entry]:
    contents = (b"file %d of %d\n" % (index, seed) for index in range(count))
    for index, (content, size) in enumerate(writer.put_chunks(contents)):
        yield Entry(b"file-%07d" % index, stat.S_IFREG | 0o644, SECOND_NS + index, size, content)


def _directories(entries: Iterator[Entry], count: int, each: int, writer: ObjectWriter) -> Iterator[Entry]:
    for index in range(-(-count // each)):
        inside = (entry for _, entry in zip(range(min(each, count - index * each)), entries, strict=False))
        yield _directory(b"dir-%05d" % index, inside, writer)


def _directory(name: bytes, entries: Iterator[Entry], writer: ObjectWriter) -> Entry:
    root = tree.build(entries, writer.put)
    mode = stat.S_IFDIR | 0o755
    return Entry(name, mode, SECOND_NS, root.size, root.id, root.height, root.files, root.digest)


def _ids_back(repo: Repo, head: Commit) -> Iterator[CommitId]:
    return reversed([commit.id for commit in repo.log(str(head.id))])


def _append(
    repo: Repo,
    last: CommitRecord | None,
    made: list[CommitId],
    count: int,
    trees: Sequence[Entry],
    start_ns: int,
    writing: Writing,
) -> CommitRecord:
    """Write `count` commits after `last`, whose line has the ids `made` (the root's first), and move the branch."""
    refs = RefsWriting(writing)
    before = len(made) if last is None else last.depth
    del made[before:]  # of an attempt for which the map was too small
    expect = None if last is None else last.id
    for depth in range(before + 1, before + count + 1):
        last = _commit(repo, last, depth, made, trees[(depth - 1) % len(trees)], start_ns)
        made.append(last.id)
        refs.add_commit(last)
    assert last is not None, "at least one commit was asked for"
    refs.advance(repo.name, repo.default_branch, expect=expect, to=last.id)
    return last


def _commit(
    repo: Repo, parent: CommitRecord | None, depth: int, made: list[CommitId], root: Entry, start_ns: int
) -> CommitRecord:
    finished_ns = start_ns + depth * SECOND_NS
    record = CommitRecord(
        id=CommitId.new(),
        repo=repo.name,
        branch=repo.default_branch,
        depth=depth,
        parent=None if parent is None else parent.id,
        jump=None if parent is None else made[jump_depth(depth) - 1],
        tree=root,
        started_ns=finished_ns - SECOND_NS // 2,
        finished_ns=finished_ns,
        author="somebody",
        message=f"commit {depth}",
        provenance=(),
        origin="user",
        state="finished",
        reason="",
        digest=b"",
    )
    return replace(record, digest=commits.chained(record, b"" if parent is None else parent.digest))
