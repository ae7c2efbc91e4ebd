"""Another process with the same store open, which does what it is told: one line of JSON asks, one answers.

    {"do": "open", "path": …}                                       → null
    {"do": "commit", "repo": …, "branch": …, "changes": […]}        → the new commit's id; changes as in `packed`
    {"do": "tree", "repo": …, "commit": …}                          → the fingerprint of what the commit holds
    {"do": "heads", "repo": …}                                      → each branch and its head
    an error of the store                                           → {"error": its class}

`Peer` is the side that asks. The process ends when nobody asks any more.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import store
from store.ids import CommitId
from store.testing import model

Changes = Sequence[tuple[bytes, model.Thing | None]]
"""What comes to stand under which path; None: nothing. A tree: an empty directory."""


class Refused(Exception):
    """The other process' store has refused it; the class of its error."""


class Peer:
    """The other process, and what is asked of it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "store.testing.peer"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def open(self, path: Path) -> None:
        """Have it close what it had open, and open the store at `path`."""
        self._ask(do="open", path=str(path))

    def commit(self, repo: str, branch: str, changes: Changes) -> CommitId:
        """Have it make a commit, empty or not. Raises Refused."""
        made = self._ask(do="commit", repo=repo, branch=branch, changes=[packed(*each) for each in changes])
        return CommitId.fromhex(made)

    def tree(self, repo: str, commit: CommitId) -> bytes:
        """The fingerprint (`model.fingerprint`) of all that it reads in the commit. Raises Refused."""
        return bytes.fromhex(self._ask(do="tree", repo=repo, commit=str(commit)))

    def heads(self, repo: str) -> dict[str, CommitId | None]:
        """Where it sees the branches. Raises Refused."""
        found = self._ask(do="heads", repo=repo)
        return {name: None if head is None else CommitId.fromhex(head) for name, head in found.items()}

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None, "both are pipes"
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, **request: object) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None, "both are pipes"
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if isinstance(answer, dict) and "error" in answer:
            raise Refused(answer["error"])
        return answer


def packed(path: bytes, thing: model.Thing | None) -> list[Any]:
    """A change as JSON can carry it."""
    match thing:
        case None:
            return [path.hex(), "remove"]
        case model.File():
            return [path.hex(), "write", thing.data.hex(), thing.mode]
        case model.Link():
            return [path.hex(), "symlink", thing.target.hex()]
    return [path.hex(), "mkdir"]


def _change(edit: store.Edit, packed_path: str, kind: str, *rest: Any) -> None:
    path = bytes.fromhex(packed_path)
    match kind:
        case "remove":
            edit.remove(path)
        case "write":
            edit.write(path, bytes.fromhex(rest[0]), mode=rest[1])
        case "symlink":
            edit.symlink(path, bytes.fromhex(rest[0]))
        case "mkdir":
            edit.mkdir(path)


def _answer(data: store.Store | None, request: dict[str, Any]) -> Any:
    assert data is not None, "a store is opened first"
    repo = data.repo(request["repo"])
    match request["do"]:
        case "commit":
            with repo.edit(request["branch"], allow_empty=True) as edit:
                for change in request["changes"]:
                    _change(edit, *change)
            assert edit.result is not None, "it may be empty"
            return str(edit.result.id)
        case "tree":
            commit = data.commit(repo.name, CommitId.fromhex(request["commit"]))
            return model.fingerprint(model.of(commit)).hex()
        case "heads":
            return {each.name: None if each.head is None else str(each.head) for each in repo.branches()}
    raise ValueError(request["do"])


def main() -> None:
    data: store.Store | None = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: Any = None
        try:
            if request["do"] == "open":
                if data is not None:
                    data.close()
                data = store.open(request["path"])
            else:
                answer = _answer(data, request)
        except store.StoreError as error:
            answer = {"error": type(error).__name__}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
