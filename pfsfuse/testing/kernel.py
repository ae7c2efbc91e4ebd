"""A kernel for tests: it sends requests to a `Session` through a socket and reads the answers.

    kernel = FakeKernel()
    async with kernel.serving(handlers):
        number, body = await kernel.ask(Op.LOOKUP, 1, b"trips\\0")

No mount and no root are needed, and requests can be sent that no kernel would send.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from pfsfuse.fuse.kernel import Session, wire
from pfsfuse.fuse.kernel.session import Handlers

LONGEST = wire.BUFFER


class FakeKernel:
    """One end of the conversation."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.setblocking(False)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * wire.MAX_BODY)
        self._plain = ours
        self._ours = trio.socket.from_stdlib_socket(ours)
        self._theirs = theirs.detach()
        self._unique = 0

    @asynccontextmanager
    async def serving(self, handlers: Handlers) -> AsyncIterator[Session]:
        """A session that answers with `handlers` until the block ends."""
        session = Session(self._theirs, handlers)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.serve)
            yield session
            nursery.cancel_scope.cancel()
        session.close()
        self._ours.close()

    async def send(self, op: int, inode: int, body: bytes = b"") -> int:
        """Send a request and return the number that its answer will carry."""
        unique = self.send_nowait(op, inode, body)
        await trio.lowlevel.checkpoint()
        return unique

    def send_nowait(self, op: int, inode: int, body: bytes = b"") -> int:
        """The same before the session gets its turn: several are there then when it looks."""
        self._unique += 2
        header = wire.REQUEST.pack(
            wire.REQUEST.size + len(body), op, self._unique, inode, 1000, 1000, 1, 0, 0
        )
        self._plain.send(header + body)
        return self._unique

    def unmount(self) -> None:
        """Send nothing more; answers are still taken."""
        self._plain.shutdown(socket.SHUT_WR)

    async def receive(self) -> tuple[int, int, bytes]:
        """The next message: the number it answers (0: a notification), an errno or code, the body."""
        message = await self._ours.recv(LONGEST)
        size, code, unique = wire.ANSWER.unpack_from(message)
        assert size == len(message)
        return unique, -code if unique else code, message[wire.ANSWER.size :]

    async def ask(self, op: int, inode: int, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request and wait for its answer: the errno (0: fine) and the body."""
        sent = await self.send(op, inode, body)
        unique, number, answer = await self.receive()
        assert unique == sent, "one request, one answer"
        return number, answer
