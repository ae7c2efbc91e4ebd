"""One mount's conversation with the kernel.

    receive ──► decode ──► handler ─┬─ bytes      answered on the spot
                                    ├─ Then       the same, and then something is made ready for the next request
                                    ├─ Later      a thread works it out and answers
                                    ├─ Lent       a thread passes on what it is lent
                                    └─ coroutine  a task of the nursery awaits it and answers

A plain handler never waits, and costs a request nothing but itself. One that must read the disk returns a `Later`;
one that must wait for something else is an `async def`. Whatever a handler raises becomes a number through
`Handlers.failed`: no exception ends a mount for everybody.

Answers and notifications are single writes, so any thread may send them.

Whoever waits comes first: a request for whose answer nobody waits (`PATIENT`) is put off while others are there.
"""

from __future__ import annotations

import errno
import os
import select
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from time import perf_counter_ns
from types import CoroutineType
from typing import Any, Protocol, TypeAlias

import trio

from pfsfuse.fuse.kernel import wire
from pfsfuse.fuse.kernel.fetchers import Fetchers
from pfsfuse.fuse.kernel.requests import DECODERS, Caller, Decoder
from pfsfuse.fuse.kernel.wire import Notify, Op

Body: TypeAlias = "bytes | memoryview | Sequence[bytes | memoryview] | None"
"""What an answer carries: bytes, or pieces to be sent as one; None: nothing."""

READERS = 4
"""Threads that fetch at a time; more would only fight over the interpreter's lock."""

LINGER_SECONDS = 0.001
"""How long to look for the next request before the event loop waits for it: a program that waits for our answer asks
again within microseconds, and waking through the loop costs more than the request."""

TURN = 16
"""Requests answered before the event loop's other tasks get their turn."""

PATIENT = {Op.RELEASE, Op.RELEASEDIR}
"""Requests for whose answer nobody waits. A program that closes a file opens the next one at once: that is answered
first, and this while the program reads. Warm open, read, close: 11,500/s instead of 9,000/s."""

MOST_PATIENT = 16
"""Such requests that are put off at a time, so that those who go on asking do not keep them for ever."""

MOST_PIECES = 1000
"""writev(2) takes 1,024."""

NOTHING, UNMOUNTED = -1, 0

_unpack, _HEADER = wire.REQUEST.unpack_from, wire.REQUEST.size
_ENDED = {errno.ENODEV}
"""Unmounted."""
_AGAIN = {errno.EINTR, errno.ENOENT}
"""The request was taken back while we received it."""
_SELECTABLE = 1024
"""select(2) takes descriptors below this one only."""


class Later:
    """An answer that takes time: `work` is called in a thread."""

    __slots__ = ("work",)

    def __init__(self, work: Callable[[], Body]) -> None:
        self.work = work


class Lent:
    """An answer that takes time, in pieces that are somebody else's: `open` is called in a thread and gives them for
    the length of a block, in which they are sent.
    """

    __slots__ = ("open",)

    def __init__(self, open: Callable[[], AbstractContextManager[Sequence[bytes | memoryview]]]) -> None:
        self.open = open


class Then:
    """An answer, and what to make ready while the kernel takes it in. `work` must not wait. What it raises is lost: the
    request that needs it raises it again.
    """

    __slots__ = ("body", "work")

    def __init__(self, body: bytes, work: Callable[[], object]) -> None:
        self.body = body
        self.work = work


class Handlers(Protocol):
    """What a session asks: a method for each kind of request it can answer (`requests.DECODERS` lists them), and"""

    def failed(self, name: str, args: tuple[Any, ...], error: Exception) -> int:
        """The errno that says to a program what went wrong."""

    def answered(self, name: str, nanoseconds: int) -> None:
        """An answer was sent, after so long. Called from threads, too."""


class Session:
    """Answers the requests of one mount with `handlers`."""

    def __init__(self, device: int, handlers: Handlers) -> None:
        self._device = device
        self._handlers = handlers
        self._methods: dict[int, tuple[str, Decoder, Callable[..., Any], bool, bool]] = {
            int(op): (name, decode, getattr(handlers, name), name != "forget", op in PATIENT)
            for op, (name, decode) in DECODERS.items()
            if hasattr(handlers, name)
        }
        self._buffer = bytearray(wire.BUFFER)
        self._view = memoryview(self._buffer)
        self._fetchers = Fetchers(READERS)
        self._closed = False
        self._put_off: deque[Callable[[], None]] = deque()
        """What answers patient requests, in the order in which they came."""

    # ---- requests

    async def serve(self) -> None:
        """Answer until unmounted; OSError (ECONNABORTED) when the connection was cut off."""
        device, process, put_off = self._device, self._process, self._put_off
        linger = partial(select.select, (device,), (), (), LINGER_SECONDS) if device < _SELECTABLE else None
        look = partial(select.select, (device,), (), (), 0)
        async with trio.open_nursery() as nursery:
            while True:
                for _ in range(TURN):
                    if put_off:
                        if len(put_off) > MOST_PATIENT or linger is None or not look()[0]:
                            put_off.popleft()()
                            continue
                    # Looking first costs less than a read that fails. Handlers that wait need the loop themselves.
                    elif linger is not None and (nursery.child_tasks or not linger()[0]):
                        await trio.lowlevel.wait_readable(device)
                    size = self._receive()
                    if size > 0:
                        process(size, nursery)
                    elif size == UNMOUNTED:
                        while put_off:
                            put_off.popleft()()
                        return
                    elif linger is None:
                        await trio.lowlevel.wait_readable(device)
                await trio.lowlevel.checkpoint()

    def _receive(self) -> int:
        """Bytes of a request that is now in the buffer, UNMOUNTED, or NOTHING."""
        try:
            return os.readv(self._device, (self._buffer,))
        except BlockingIOError:
            return NOTHING
        except OSError as error:
            if error.errno in _ENDED:
                return UNMOUNTED
            if error.errno in _AGAIN:
                return NOTHING
            raise

    def _process(self, size: int, nursery: trio.Nursery) -> None:
        start = perf_counter_ns()
        _, op, unique, inode, uid, gid, pid, _, _ = _unpack(self._buffer)
        found = self._methods.get(op)
        if found is None:
            self._process_ours(op, unique)
            return
        name, decode, method, answered, patient = found
        args: tuple[Any, ...] = ()
        try:
            args = decode(inode, self._view[_HEADER:size], Caller(uid, gid, pid))
            if patient:
                self._put_off.append(partial(self._answer_late, unique, name, method, args, start))
                return
            body = method(*args)
        except Exception as error:  # noqa: BLE001 - the table of errors is for all of them
            self._refuse(unique, self._handlers.failed(name, args, error))
        else:
            kind = type(body)
            if kind is bytes:
                self._send(unique, 0, (body,))
            elif kind is Then:
                self._send(unique, 0, (body.body,))
                self._handlers.answered(name, perf_counter_ns() - start)
                with suppress(Exception):
                    body.work()
                return
            elif kind is Later:
                self._fetchers.put(lambda: self._fetch(unique, name, args, body.work, start))
                return
            elif kind is Lent:
                self._fetchers.put(lambda: self._pass_on(unique, name, args, body.open(), start))
                return
            elif kind is CoroutineType:
                nursery.start_soon(self._finish, unique, name, args, body, start)
                return
            elif answered:
                self._answer(unique, body)
        self._handlers.answered(name, perf_counter_ns() - start)

    def _answer_late(
        self, unique: int, name: str, method: Callable[..., Body], args: tuple[Any, ...], start: int
    ) -> None:
        """Answer a request that was put off; its handler answers on the spot."""
        try:
            body = method(*args)
        except Exception as error:  # noqa: BLE001 - the table of errors is for all of them
            self._refuse(unique, self._handlers.failed(name, args, error))
        else:
            self._answer(unique, body)
        self._handlers.answered(name, perf_counter_ns() - start)

    def _process_ours(self, op: int, unique: int) -> None:
        """The greeting, and what nobody answers."""
        if op == Op.INIT:
            self._greet(unique)
        elif op == Op.DESTROY:
            self._answer(unique, None)
        elif op not in (Op.FORGET, Op.BATCH_FORGET):
            self._refuse(unique, errno.ENOSYS)  # to an interrupt, too: the kernel stops sending them

    def _greet(self, unique: int) -> None:
        major, minor, readahead, offered = wire.INIT_IN.unpack_from(self._buffer, wire.REQUEST.size)
        if (major, minor) < (wire.MAJOR, wire.MINOR):
            self._refuse(unique, errno.EPROTO)
            return
        background = wire.MAX_BACKGROUND
        body = wire.INIT_OUT.pack(
            wire.MAJOR,
            wire.MINOR,
            readahead,
            offered & wire.WANTED,
            background,
            background * 3 // 4,
            wire.MAX_BODY,
            1,
            wire.MAX_PAGES,
            0,
            0,
        )
        self._answer(unique, body)

    def _fetch(
        self, unique: int, name: str, args: tuple[Any, ...], work: Callable[[], Body], start: int
    ) -> None:
        """In a thread."""
        try:
            body, number = work(), 0
        except Exception as error:  # noqa: BLE001 - the table of errors is for all of them
            body, number = None, self._handlers.failed(name, args, error)
        self._handlers.answered(name, perf_counter_ns() - start)
        if number:
            self._refuse(unique, number)
        else:
            self._answer(unique, body)

    def _pass_on(
        self,
        unique: int,
        name: str,
        args: tuple[Any, ...],
        lent: AbstractContextManager[Sequence[bytes | memoryview]],
        start: int,
    ) -> None:
        """In a thread."""
        try:
            pieces = lent.__enter__()
        except Exception as error:  # noqa: BLE001 - the table of errors is for all of them
            self._handlers.answered(name, perf_counter_ns() - start)
            self._refuse(unique, self._handlers.failed(name, args, error))
            return
        try:
            self._handlers.answered(name, perf_counter_ns() - start)
            self._answer(unique, pieces if len(pieces) < MOST_PIECES else b"".join(pieces))
        finally:
            lent.__exit__(None, None, None)

    async def _finish(
        self, unique: int, name: str, args: tuple[Any, ...], waiting: Coroutine[Any, Any, Body], start: int
    ) -> None:
        try:
            body = await waiting
        except Exception as error:  # noqa: BLE001 - the table of errors is for all of them
            self._refuse(unique, self._handlers.failed(name, args, error))
        else:
            self._answer(unique, body)
        self._handlers.answered(name, perf_counter_ns() - start)

    def _answer(self, unique: int, body: Body) -> None:
        if body is None:
            self._send(unique, 0, ())
        elif isinstance(body, bytes | memoryview):
            self._send(unique, 0, (body,))
        else:
            self._send(unique, 0, body)

    def _refuse(self, unique: int, number: int) -> None:
        self._send(unique, -number, ())

    def _send(self, unique: int, code: int, pieces: Sequence[bytes | memoryview]) -> None:
        """One message to the kernel. Nobody waits for it any more (ENOENT), or there is no mount: no matter."""
        size = wire.ANSWER.size + sum(map(len, pieces))
        try:
            os.writev(self._device, (wire.ANSWER.pack(size, code, unique), *pieces))
        except OSError as error:
            if error.errno != errno.ENOENT and error.errno not in _ENDED and not self._closed:
                raise

    # ---- notifications: OSError ENOENT when the kernel does not know the number or name, ENODEV when unmounted

    def drop_attributes(self, inode: int) -> None:
        """Have the kernel forget the attributes of `inode`."""
        self._notify(Notify.INVAL_INODE, wire.INVAL_INODE.pack(inode, -1, 0))

    def drop_name(self, parent: int, name: bytes) -> None:
        """Have the kernel forget `name` in `parent`. Waits for requests about that directory that are unanswered."""
        self._notify(Notify.INVAL_ENTRY, wire.INVAL_ENTRY.pack(parent, len(name), 0), name, b"\0")

    def store(self, inode: int, offset: int, data: bytes | memoryview) -> None:
        """Put `data` into the page cache. Waits for pages that are being read."""
        self._notify(Notify.STORE, wire.STORE.pack(inode, offset, len(data), 0), data)

    def _notify(self, code: Notify, *pieces: bytes | memoryview) -> None:
        size = wire.ANSWER.size + sum(map(len, pieces))
        os.writev(self._device, (wire.ANSWER.pack(size, code, 0), *pieces))

    # ---- the end

    def close(self) -> None:
        """Cut the connection, after what threads are working on. The mount stays until it is taken away."""
        self._fetchers.close()
        self._closed = True
        os.close(self._device)
