"""Which ports are free, who answers, and passing connections on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

import pytest
import trio

from pfsfuse.errors import ServiceError
from pfsfuse.service import health
from pfsfuse.service.forward import forward
from pfsfuse.service.ports import LOOPBACK, require_free


def test_a_free_port_may_be_used_again_and_again(port: int) -> None:
    require_free(port, what="port")
    require_free(port, what="port")


def test_a_taken_port_is_refused_by_its_number_and_with_a_way_out() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(
            ServiceError, match=rf"service.external_port {taken} is taken on 127.0.0.1"
        ) as refused:
            require_free(taken, what="service.external_port")
    assert str(taken) in refused.value.hint()


@pytest.mark.parametrize("number", [-1, 65536, 10**9])
def test_what_is_no_port_is_refused(number: int) -> None:
    with pytest.raises(ServiceError, match="is not a port"):
        require_free(number, what="port")


async def answer_with(data: bytes, stream: trio.SocketStream) -> None:
    await stream.receive_some()
    await stream.send_all(data)


async def listen(nursery: trio.Nursery, handler: Callable[[trio.SocketStream], object]) -> int:
    """Start a server and give its port."""
    serve = partial(trio.serve_tcp, handler, 0, host=LOOPBACK)
    listeners: list[trio.SocketListener] = await nursery.start(serve)
    number: int = listeners[0].socket.getsockname()[1]
    return number


@pytest.mark.parametrize("data", [b"HTTP/1.1 403 Forbidden\r\n\r\n", b"not http\n", b""])
def test_any_answer_will_do_a_refusal_and_hanging_up_too(data: bytes) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            port = await listen(nursery, partial(answer_with, data))
            assert await health.answers(port, "/")
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_nobody_listening_is_no_answer(port: int) -> None:
    assert not trio.run(health.answers, port, "/")


def test_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.1)
    with socket.create_server((LOOPBACK, 0)) as silent:
        assert not trio.run(health.answers, silent.getsockname()[1], "/")


async def wait_listening(port: int) -> None:
    while True:
        try:
            await (await trio.open_tcp_stream(LOOPBACK, port)).aclose()
        except OSError:
            await trio.sleep(0.01)
        else:
            return


def test_what_is_sent_to_the_external_port_arrives_at_the_internal_one(port: int) -> None:
    async def echo(stream: trio.SocketStream) -> None:
        async for piece in stream:
            await stream.send_all(piece)

    async def main() -> bytes:
        async with trio.open_nursery() as nursery:
            inner = await listen(nursery, echo)
            nursery.start_soon(forward, port, inner)
            await wait_listening(port)
            async with await trio.open_tcp_stream(LOOPBACK, port) as stream, trio.open_nursery() as both:

                async def send() -> None:
                    await stream.send_all(b"x" * 1_000_000)
                    await stream.send_eof()

                both.start_soon(send)
                received = b"".join([piece async for piece in stream])
            nursery.cancel_scope.cancel()
        return received

    assert trio.run(main) == b"x" * 1_000_000


def test_a_port_that_somebody_took_at_the_last_moment_is_refused_by_its_number() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(ServiceError, match=rf"port {taken} is taken on 127.0.0.1"):
            trio.run(forward, taken, taken)


def test_a_client_that_hangs_up_or_a_service_that_is_down_does_not_end_the_forwarding(
    port: int, free_port: Callable[[], int]
) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            inner = free_port()
            nursery.start_soon(forward, port, inner)
            await wait_listening(port)
            async with await trio.open_tcp_stream(LOOPBACK, port) as refused:
                assert await refused.receive_some() == b""
            serve = partial(trio.serve_tcp, partial(answer_with, b"here"), inner, host=LOOPBACK)
            await nursery.start(serve)
            async with await trio.open_tcp_stream(LOOPBACK, port) as hanging_up:
                await hanging_up.send_all(b"x")
            async with await trio.open_tcp_stream(LOOPBACK, port) as stream:
                await stream.send_all(b"x")
                assert await stream.receive_some() == b"here"
            nursery.cancel_scope.cancel()

    trio.run(main)
