"""One conversation with the kernel, request by request."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from struct import pack
from typing import Any

import pytest
import trio

from pfsfuse.fuse.kernel import Caller, Changes, Later, Lent, Session, Then, wire
from pfsfuse.fuse.kernel.session import MOST_PATIENT
from pfsfuse.fuse.kernel.wire import Notify, Op
from pfsfuse.testing.kernel import FakeKernel


class Recorder:
    """Handlers that write down what they were asked, and answer with what they were given."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.seen: list[str] = []
        for name, answer in answers.items():
            setattr(self, name, self._handler(name, answer))

    def _handler(self, name: str, answer: Any) -> Callable[..., Any]:
        def handle(*args: Any) -> Any:
            self.asked.append((name, *args))
            return answer() if callable(answer) else answer

        return handle

    def failed(self, name: str, args: tuple[Any, ...], error: Exception) -> int:
        return error.errno or 0 if isinstance(error, OSError) else errno.EIO

    def answered(self, name: str, nanoseconds: int) -> None:
        assert nanoseconds >= 0
        self.seen.append(name)


def converse(handlers: Recorder, talk: Callable[[FakeKernel, Session], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        kernel = FakeKernel()
        with trio.fail_after(100):
            async with kernel.serving(handlers) as session:
                return await talk(kernel, session)

    return trio.run(run)


def ask(handlers: Recorder, op: int, inode: int, body: bytes = b"") -> tuple[int, bytes]:
    found: tuple[int, bytes] = converse(handlers, lambda kernel, _: kernel.ask(op, inode, body))
    return found


CALLER = Caller(1000, 1000, 1)
MASKED = Caller(1000, 1000, 1, 0o22)


@pytest.mark.parametrize(
    ("op", "body", "asked"),
    [
        (Op.LOOKUP, b"a\0", ("lookup", 7, b"a", CALLER)),
        (Op.GETATTR, bytes(16), ("getattr", 7)),
        (Op.READLINK, b"", ("readlink", 7)),
        (Op.SYMLINK, b"a\0to/b\0", ("symlink", 7, b"a", b"to/b", CALLER)),
        (Op.MKNOD, pack("=IIII", 0o644, 5, 0o22, 0) + b"a\0", ("mknod", 7, b"a", 0o644, 5, MASKED)),
        (Op.MKDIR, pack("=II", 0o755, 0o22) + b"a\0", ("mkdir", 7, b"a", 0o755, MASKED)),
        (Op.UNLINK, b"a\0", ("unlink", 7, b"a", CALLER)),
        (Op.RMDIR, b"a\0", ("rmdir", 7, b"a", CALLER)),
        (Op.RENAME, pack("=Q", 8) + b"a\0b\0", ("rename", 7, b"a", 8, b"b", 0, CALLER)),
        (Op.RENAME2, pack("=QII", 8, 1, 0) + b"a\0b\0", ("rename", 7, b"a", 8, b"b", 1, CALLER)),
        (Op.LINK, pack("=Q", 9) + b"a\0", ("link", 9, 7, b"a", CALLER)),
        (Op.OPEN, pack("=II", os.O_RDWR, 0), ("open", 7, os.O_RDWR, CALLER)),
        (Op.READ, pack("=QQIIQII", 3, 4096, 100, 0, 0, 0, 0), ("read", 3, 4096, 100)),
        (Op.WRITE, pack("=QQIIQII", 3, 4096, 2, 0, 0, 0, 0) + b"xy", ("write", 3, 4096, b"xy")),
        (Op.STATFS, b"", ("statfs",)),
        (Op.RELEASE, pack("=QIIQ", 3, 0, 0, 0), ("release", 3)),
        (Op.FSYNC, pack("=QII", 3, 1, 0), ("fsync", 3, True)),
        (Op.SETXATTR, pack("=II", 2, 1) + b"user.a\0xy", ("setxattr", 7, b"user.a", b"xy", 1, CALLER)),
        (Op.GETXATTR, pack("=II", 10, 0) + b"user.a\0", ("getxattr", 7, b"user.a", 10)),
        (Op.LISTXATTR, pack("=II", 10, 0), ("listxattr", 7, 10)),
        (Op.REMOVEXATTR, b"user.a\0", ("removexattr", 7, b"user.a", CALLER)),
        (Op.FLUSH, pack("=QIIQ", 3, 0, 0, 0), ("flush", 3)),
        (Op.OPENDIR, pack("=II", 0, 0), ("opendir", 7, 0, CALLER)),
        (Op.READDIRPLUS, pack("=QQIIQII", 3, 5, 4096, 0, 0, 0, 0), ("readdir", 3, 5, 4096)),
        (Op.RELEASEDIR, pack("=QIIQ", 3, 0, 0, 0), ("releasedir", 3)),
        (Op.FSYNCDIR, pack("=QII", 3, 0, 0), ("fsyncdir", 3, False)),
        (Op.CREATE, pack("=IIII", 2, 0o644, 0o22, 0) + b"a\0", ("create", 7, b"a", 0o644, 2, MASKED)),
        (Op.FALLOCATE, pack("=QQQII", 3, 10, 20, 1, 0), ("fallocate", 3, 1, 10, 20)),
        (Op.LSEEK, pack("=QQII", 3, 10, 4, 0), ("lseek", 3, 10, 4)),
        (Op.COPY_FILE_RANGE, pack("=7Q", 3, 10, 8, 4, 20, 30, 0), ("copy_file_range", 3, 10, 4, 20, 30)),
    ],
)
def test_a_request_reaches_its_handler_with_what_it_carries(
    op: int, body: bytes, asked: tuple[Any, ...]
) -> None:
    handlers = Recorder(**{asked[0]: b"answer"})
    assert ask(handlers, op, 7, body) == (0, b"answer")
    assert handlers.asked == [asked]


def test_setattr_says_what_is_to_change_and_leaves_the_rest_alone() -> None:
    values = pack(
        "=IIQQQQQQIIIIIIII",
        wire.SET_MODE | wire.SET_MTIME | wire.SET_ATIME_NOW | wire.SET_ATIME | wire.SET_FH,
        0, 3, 99, 0, 0, (1 << 64) - 1, 0, 0, 5, 0, 0o600, 0, 1, 2, 0,
    )  # fmt: skip
    handlers = Recorder(setattr=b"")
    ask(handlers, Op.SETATTR, 7, values)
    changes = Changes(mode=0o600, uid=None, gid=None, size=None, atime_ns=-1, mtime_ns=-1_000_000_000 + 5)
    assert handlers.asked == [("setattr", 7, changes, 3, CALLER)]


def test_forgetting_has_no_answer() -> None:
    handlers = Recorder(forget=None, statfs=b"room")

    async def talk(kernel: FakeKernel, _: Session) -> tuple[int, bytes]:
        await kernel.send(Op.FORGET, 7, pack("=Q", 2))
        await kernel.send(Op.BATCH_FORGET, 0, pack("=II", 2, 0) + pack("=QQQQ", 8, 1, 9, 3))
        return await kernel.ask(Op.STATFS, 1)

    assert converse(handlers, talk) == (0, b"room")
    assert handlers.asked[:2] == [("forget", [(7, 2)]), ("forget", [(8, 1), (9, 3)])]


@pytest.mark.parametrize("op", [Op.INTERRUPT, Op.LSEEK, 39, 4095])
def test_what_nobody_answers_is_refused_for_good(op: int) -> None:
    assert ask(Recorder(), op, 1, bytes(64)) == (errno.ENOSYS, b"")


def test_the_greeting_takes_what_is_wanted_and_offered() -> None:
    offered = wire.DO_READDIRPLUS | wire.ASYNC_READ | 1 << 14
    number, body = ask(Recorder(), Op.INIT, 0, pack("=IIII", 7, 45, 131072, offered) + bytes(48))
    found = wire.INIT_OUT.unpack(body)
    assert (number, found[:4]) == (0, (7, 31, 131072, wire.DO_READDIRPLUS | wire.ASYNC_READ))


def test_a_kernel_that_is_too_old_is_refused() -> None:
    assert ask(Recorder(), Op.INIT, 0, pack("=IIII", 7, 23, 131072, 0) + bytes(48))[0] == errno.EPROTO


def test_an_error_is_a_number_and_the_next_request_is_answered() -> None:
    def fail() -> bytes:
        raise FileNotFoundError(errno.ENOENT, "no")

    handlers = Recorder(lookup=fail, statfs=b"room")

    async def talk(kernel: FakeKernel, _: Session) -> list[tuple[int, bytes]]:
        return [await kernel.ask(Op.LOOKUP, 1, b"a\0"), await kernel.ask(Op.STATFS, 1)]

    assert converse(handlers, talk) == [(errno.ENOENT, b""), (0, b"room")]


def test_a_damaged_request_is_an_error_too() -> None:
    assert ask(Recorder(read=b""), Op.READ, 1, b"short")[0] == errno.EIO


def test_what_is_made_ready_comes_after_the_answer_and_may_fail() -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "no")

    handlers = Recorder(readdir=Then(b"names", fail), statfs=b"room")

    async def talk(kernel: FakeKernel, _: Session) -> list[tuple[int, bytes]]:
        return [await kernel.ask(Op.READDIRPLUS, 1, bytes(40)), await kernel.ask(Op.STATFS, 1)]

    assert converse(handlers, talk) == [(0, b"names"), (0, b"room")]
    assert handlers.seen == ["readdir", "statfs"]


CLOSE = pack("=QIIQ", 3, 0, 0, 0)


def test_who_waits_is_answered_before_who_does_not() -> None:
    async def talk(kernel: FakeKernel, _: Session) -> bool:
        closed = [kernel.send_nowait(op, 1, CLOSE) for op in (Op.RELEASE, Op.RELEASEDIR)]
        waiting = kernel.send_nowait(Op.STATFS, 1)
        return [(await kernel.receive())[0] for _ in range(3)] == [waiting, *closed]

    handlers = Recorder(release=None, releasedir=None, statfs=b"room")
    assert converse(handlers, talk)
    assert handlers.seen == ["statfs", "release", "releasedir"]


def test_who_goes_on_asking_keeps_nothing_put_off_for_ever() -> None:
    async def talk(kernel: FakeKernel, _: Session) -> None:
        for _ in range(MOST_PATIENT + 1):
            kernel.send_nowait(Op.RELEASE, 1, CLOSE)
        for _ in range(40):
            kernel.send_nowait(Op.STATFS, 1)
        for _ in range(MOST_PATIENT + 41):
            await kernel.receive()

    handlers = Recorder(release=None, statfs=b"room")
    converse(handlers, talk)
    assert handlers.seen[0] == "release" and handlers.seen[-1] == "release"


def test_what_was_put_off_may_fail_and_is_done_before_the_end() -> None:
    def fail() -> None:
        raise OSError(errno.EBADF, "no")

    async def talk(kernel: FakeKernel, _: Session) -> tuple[int, int, bytes]:
        closed = kernel.send_nowait(Op.RELEASE, 1, CLOSE)
        kernel.unmount()
        unique, *answer = await kernel.receive()
        return unique - closed, *answer

    assert converse(Recorder(release=fail), talk) == (0, errno.EBADF, b"")


def test_what_takes_time_is_answered_by_a_thread_while_others_are_answered() -> None:
    gate = threading.Event()

    def slow() -> bytes:
        assert gate.wait(100)
        return b"slow"

    handlers = Recorder(read=Later(slow), statfs=b"room")

    async def talk(kernel: FakeKernel, _: Session) -> list[tuple[int, bytes]]:
        read = await kernel.send(Op.READ, 1, bytes(40))
        other = await kernel.ask(Op.STATFS, 1)
        gate.set()
        unique, number, body = await kernel.receive()
        assert unique == read
        return [other, (number, body)]

    assert converse(handlers, talk) == [(0, b"room"), (0, b"slow")]


def test_pieces_are_lent_until_they_are_sent() -> None:
    seen = []

    @contextmanager
    def lent() -> Iterator[list[bytes]]:
        seen.append("open")
        yield [b"a", memoryview(b"bc"), *[b"."] * 2000]
        seen.append("closed")

    assert ask(Recorder(read=Lent(lent)), Op.READ, 1, bytes(40)) == (0, b"abc" + b"." * 2000)
    assert seen == ["open", "closed"]


def test_pieces_that_cannot_be_had_are_refused_with_a_number() -> None:
    @contextmanager
    def lent() -> Iterator[list[bytes]]:
        raise OSError(errno.ENOSPC, "none")
        yield []

    assert ask(Recorder(read=Lent(lent)), Op.READ, 1, bytes(40)) == (errno.ENOSPC, b"")


def test_what_waits_is_answered_by_a_task_while_others_are_answered() -> None:
    async def run() -> None:
        event = trio.Event()

        async def wait() -> bytes:
            await event.wait()
            return b"waited"

        kernel = FakeKernel()
        async with kernel.serving(Recorder(fsync=lambda: wait(), statfs=b"room")):
            await kernel.send(Op.FSYNC, 1, pack("=QII", 3, 0, 0))
            assert await kernel.ask(Op.STATFS, 1) == (0, b"room")
            event.set()
            assert (await kernel.receive())[1:] == (0, b"waited")

    trio.run(run)


def test_an_answer_in_pieces_is_sent_as_one() -> None:
    assert ask(Recorder(read=[b"ab", memoryview(b"cd"), b""]), Op.READ, 1, bytes(40)) == (0, b"abcd")


@pytest.mark.parametrize(
    ("send", "code", "body"),
    [
        (lambda s: s.drop_attributes(7), Notify.INVAL_INODE, pack("=Qqq", 7, -1, 0)),
        (lambda s: s.drop_name(7, b"ab"), Notify.INVAL_ENTRY, pack("=QII", 7, 2, 0) + b"ab\0"),
        (lambda s: s.store(7, 4096, b"data"), Notify.STORE, pack("=QQII", 7, 4096, 4, 0) + b"data"),
    ],
)
def test_a_notification_carries_its_code_and_answers_nothing(
    send: Callable[[Session], None], code: int, body: bytes
) -> None:
    async def talk(kernel: FakeKernel, session: Session) -> tuple[int, int, bytes]:
        send(session)
        return await kernel.receive()

    assert converse(Recorder(), talk) == (0, code, body)
