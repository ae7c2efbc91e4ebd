"""The environments that this process has open: each once, whoever asks, and through forks.

LMDB forbids opening an environment twice in one process, since its locks belong to the process. People do: a notebook's
cell that runs again, a library beside a program's own use. So all who ask for one share it, and the last to `release`
it closes it.

A fork copies the environment into a process that LMDB's table of readers does not know, and the two would write to the
same line of it. So (1) before a fork we wait until this process has no transaction open, which is when it holds no line
of that table; (2) in the child, where nobody else runs, the copy is closed; (3) the child's first transaction opens the
files again. Stores, commits and open files work in the child as before. An edit does not: its threads are not there.
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path

from store.engine.env import Environment

FORK_SECONDS = 10.0
"""How long a fork waits for transactions that other threads have open; a batch being written takes one at most."""

_lock = threading.RLock()
_users: weakref.WeakKeyDictionary[Environment, int] = weakref.WeakKeyDictionary()
_held: list[Environment] = []
"""Those that a fork is going on with."""


def acquire(path: Path, *, create: bool = False) -> Environment:
    """The environment in the directory `path`; made with `create`. To be given back once. Raises as opening does."""
    with _lock:
        file = _file(path)
        env = next((each for each in _users if file is not None and each.file == file), None)
        if env is None:
            env = Environment(path, create=create)
            _users[env] = 0
        _users[env] += 1
        return env


def release(env: Environment) -> None:
    """End one use of `env`. Transactions of that user must have ended."""
    with _lock:
        _users[env] = _users.get(env, 1) - 1
        if _users[env] <= 0:
            del _users[env]
            env.close()


def _file(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path / "data.mdb")
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _before_fork() -> None:
    _lock.acquire()
    _held.extend(_users)
    for env in _held:
        env.hold_for_fork(FORK_SECONDS)


def _in_parent() -> None:
    while _held:
        _held.pop().go_on_after_fork()
    _lock.release()


def _in_child() -> None:
    while _held:
        _held.pop().become_copy()
    _lock.release()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
