"""Locks that a fork finds free.

Only the thread that forks lives on in the child: a lock that another one held would never be given back there. These
are taken before the fork and given back after it, on both sides. They guard a few lines that wait for nothing.
"""

from __future__ import annotations

import os
import threading
import weakref

_made: weakref.WeakSet[threading.Lock] = weakref.WeakSet()
_making = threading.Lock()
_taken: list[threading.Lock] = []


def lock() -> threading.Lock:
    """A lock for a few lines that take no other one and wait for nothing."""
    made = threading.Lock()
    with _making:
        _made.add(made)
    return made


def _take() -> None:
    _making.acquire()
    _taken.extend(_made)
    for each in _taken:
        each.acquire()


def _give_back() -> None:
    while _taken:
        _taken.pop().release()
    _making.release()


os.register_at_fork(before=_take, after_in_parent=_give_back, after_in_child=_give_back)
