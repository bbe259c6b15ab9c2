"""Chat: latency one message at a time (socket, POST, across replicas), and persisted throughput."""

import asyncio
import time
from collections.abc import Callable

import aiohttp
import orjson
from crowd import Guest, converse, gather_guests
from parlor_dev.client import Api
from parlor_dev.stack import Stack
from report import Figure, latency, rate, resident_mb
from wire import Wire

_WARM_UP = 50


def _socket_url(origin: str, conversation: str) -> str:
    return f"{origin}/api/v1/conversations/{conversation}/ws"


async def _one_at_a_time(
    sender: Callable[[int], "asyncio.Future[None] | object"], receiver: Wire, count: int
) -> list[float]:
    """Seconds from each send to the arrival of its event on the other socket."""
    arrived: asyncio.Future[float]

    def on_frame(frame: bytes) -> None:
        if b'"message.sent"' in frame and not arrived.done():
            arrived.set_result(time.perf_counter())

    receiver.on_frame = on_frame
    samples = []
    for number in range(count + _WARM_UP):
        arrived = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        sending = sender(number)
        if asyncio.iscoroutine(sending):
            await sending
        samples.append(await asyncio.wait_for(arrived, 10) - started)
    return samples[_WARM_UP:]


async def latencies(stack: Stack, api: Api, count: int) -> list[Figure]:
    """Send → committed → on the other's socket, one at a time."""
    ann, ben = await gather_guests(stack, api, 2)
    conversation = await converse(api, ann, ben)
    first, second = stack.public_urls("chat")[:2]
    figures = []
    async with aiohttp.ClientSession() as http:
        hers = await Wire.connect(http, _socket_url(first, conversation), ann.token)
        his = await Wire.connect(http, _socket_url(first, conversation), ben.token)
        elsewhere = await Wire.connect(http, _socket_url(second, conversation), ben.token)

        async def by_socket(number: int) -> None:
            await hers.send(orjson.dumps({"type": "send", "id": str(number), "body": "hello"}))

        async def by_post(number: int) -> None:
            async with http.post(
                f"{first}/api/v1/conversations/{conversation}/messages",
                data=orjson.dumps({"body": f"hello {number}"}),
                headers={
                    "authorization": f"Bearer {ann.token}",
                    "content-type": "application/json",
                },
            ) as response:
                response.raise_for_status()

        samples = await _one_at_a_time(by_socket, his, count)
        figures.append(
            latency("chat: socket send → other's socket, same replica", samples, p50_ms=1, p99_ms=3)
        )
        samples = await _one_at_a_time(by_post, his, count)
        figures.append(latency("chat: POST → other's socket, same replica", samples, p50_ms=2.5))
        samples = await _one_at_a_time(by_socket, elsewhere, count)
        figures.append(
            latency(
                "chat: socket send → other's socket, other replica", samples, p50_ms=3, p99_ms=15
            )
        )
        for wire in (hers, his, elsewhere):
            await wire.close()
    return figures


async def resumption(stack: Stack, api: Api, *, missed: int) -> list[Figure]:
    """Seconds from connecting to the last of `missed` events, and what it costs in memory."""
    ann, ben = await gather_guests(stack, api, 2)
    conversation = await converse(api, ann, ben)
    origin = stack.public_urls("chat")[0]
    url = _socket_url(origin, conversation)
    async with aiohttp.ClientSession() as http:
        sender = await Wire.connect(http, url, ann.token)
        acked = asyncio.Event()
        count = 0

        def on_ack(frame: bytes) -> None:
            nonlocal count
            count += b'"ack"' in frame[:24]
            if count == missed:
                acked.set()

        sender.on_frame = on_ack
        for number in range(missed):
            await sender.send(b'{"type":"send","id":"%d","body":"missed"}' % number)
        await asyncio.wait_for(acked.wait(), 120)
        await sender.close()
        pid = stack.process("chat-api-1").pid or 0
        before, samples = resident_mb(pid), []
        live = Api(origin, token=ben.token, http=api.http).live(
            f"/api/v1/conversations/{conversation}/ws"
        )
        async with live:
            epoch = live.epoch
        for _ in range(5):
            live.epoch, live.seq = epoch, 0
            started = time.perf_counter()
            await live.resume()
            for _ in range(missed):
                await live.next()
            samples.append(time.perf_counter() - started)
            await live.close()
        grown = resident_mb(pid) - before
    median = sorted(samples)[2]
    return [
        Figure(
            f"chat: resume after {missed:,} missed events",
            f"{median:.2f} s, {grown:+.0f} MB",
            "≤ 1 s, memory flat",
            median <= 1,
        )
    ]


async def throughput(
    stack: Stack, api: Api, *, pairs: int, window: int, seconds: float
) -> list[Figure]:
    """Persisted messages a second: each pair keeps `window` messages under way."""
    guests = await gather_guests(stack, api, 2 * pairs)
    origin = stack.public_urls("chat")[0]
    acked = 0
    delays: list[float] = []
    running = True
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        wires: list[Wire] = []

        async def pair(one: Guest, other: Guest) -> None:
            conversation = await converse(api, one, other)
            sender = await Wire.connect(http, _socket_url(origin, conversation), one.token)
            receiver = await Wire.connect(http, _socket_url(origin, conversation), other.token)
            wires.extend((sender, receiver))
            free = asyncio.Semaphore(window)

            def on_ack(frame: bytes) -> None:
                nonlocal acked
                if b'"ack"' in frame[:24]:
                    acked += 1
                    free.release()
                elif b'"error"' in frame[:24]:
                    raise RuntimeError(frame.decode())

            def on_event(frame: bytes) -> None:
                start = frame.find(b"t=")
                if start > 0:
                    sent = float(frame[start + 2 : frame.index(b";", start)])
                    delays.append(time.perf_counter() - sent)

            sender.on_frame, receiver.on_frame = on_ack, on_event
            number = 0
            while running:
                await free.acquire()
                number += 1
                await sender.send(
                    b'{"type":"send","id":"%d","body":"t=%.6f; a message of usual length"}'
                    % (number, time.perf_counter())
                )

        tasks = [asyncio.create_task(pair(guests[2 * n], guests[2 * n + 1])) for n in range(pairs)]
        await asyncio.sleep(2)
        delays.clear()
        before, started = acked, time.perf_counter()
        await asyncio.sleep(seconds)
        elapsed, persisted = time.perf_counter() - started, acked - before
        running = False
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for wire in wires:
            await wire.close()
    return [
        rate(f"chat: persisted messages, {pairs} pairs", persisted / elapsed, at_least=13_000),
        latency(f"chat: delivery while at it ({window} under way a pair)", delays, p50_ms=5),
    ]
