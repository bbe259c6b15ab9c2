"""Whatever interleaves, each socket sees every seq once and in order, or is told to resume."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from factories.fake_socket import FakeSocket
from hypothesis import event, given, settings
from hypothesis import strategies as st
from parlor_kit.clock import now
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.hub import Hub, Missed, Position, StreamEvent, event_frame
from parlor_kit.ids import new_id
from parlor_kit.live_socket import TOO_SLOW, LiveSocket

STREAM = new_id()
EPOCH = "e1"
MOMENT = now()


def made(seq: int) -> StreamEvent:
    return StreamEvent(seq, event_frame(seq, MOMENT, {"type": "test", "n": seq}))


@dataclass
class SlowSource:
    """A log whose reads take as many turns of the loop as `turns` says, before and after."""

    turns: list[int]
    log: int = 0
    kept_from: int = 0
    faults: set[int] = field(default_factory=set)
    whole: set[int] = field(default_factory=set)
    calls: int = 0

    async def _wait(self) -> None:
        self.calls += 1
        for _ in range(self.turns[self.calls % len(self.turns)]):
            await asyncio.sleep(0)

    async def look(self, known: Mapping[UUID, int], viewers: Collection[UUID]) -> Missed:
        await self._wait()
        log = self.log
        await self._wait()
        return Missed({id_: log for id_, seq in known.items() if log > seq})

    async def position(self, stream_id: UUID, since: int) -> Position | None:
        await self._wait()
        found = Position(EPOCH, self.log, since >= self.kept_from)
        if found.complete:
            self.whole.add(since)
        await self._wait()
        return found

    async def read(self, stream_id: UUID, after: int, limit: int) -> Sequence[StreamEvent]:
        await self._wait()
        first = max(after, self.kept_from)
        found = [made(seq) for seq in range(first + 1, min(self.log, first + limit, first + 3) + 1)]
        await self._wait()
        return found

    async def snapshot(self, stream_id: UUID, viewer: UUID) -> tuple[int, Mapping[str, Any]]:
        await self._wait()
        found = self.log, {"n": self.log}
        await self._wait()
        return found


Step = tuple[str, int]

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit here"), st.integers(1, 4)),
        st.tuples(st.just("commit elsewhere"), st.integers(1, 4)),
        st.tuples(st.just("late delivery"), st.integers(0, 5)),
        st.tuples(st.just("wake"), st.integers(0, 3)),
        st.tuples(st.just("look"), st.just(0)),
        st.tuples(st.just("attach fresh"), st.just(0)),
        st.tuples(st.just("attach resuming"), st.integers(0, 6)),
        st.tuples(st.just("attach from another epoch"), st.integers(0, 3)),
        st.tuples(st.just("attach from the future"), st.integers(1, 3)),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("expire"), st.integers(0, 2)),
        st.tuples(st.just("turns"), st.integers(1, 6)),
    ),
    min_size=8,
    max_size=40,
)


class Evening:
    """One run of the steps against a hub."""

    def __init__(self, turns: list[int]) -> None:
        self.source = SlowSource(turns)
        self.hub = Hub(self.source)
        self.sockets: list[tuple[FakeSocket, int | None, str]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.undelivered: list[list[StreamEvent]] = []
        self.told = 0
        self.expired = False

    def attach(self, epoch: str | None, since: int | None) -> None:
        socket = FakeSocket()
        self.sockets.append((socket, since, epoch or ""))
        serving = self.hub.serve(
            cast(LiveSocket, socket), STREAM, new_id(), epoch=epoch, since=since, commands={}
        )
        self.tasks.append(asyncio.get_running_loop().create_task(serving))

    def commit(self, count: int) -> list[StreamEvent]:
        first = self.source.log + 1
        self.source.log += count
        return [made(seq) for seq in range(first, first + count)]

    def deliver(self, events: list[StreamEvent]) -> None:
        self.told = max(self.told, events[-1].seq)
        self.hub.deliver(STREAM, events)

    def wake(self, seq: int) -> None:
        self.told = max(self.told, seq)
        self.hub.wake(STREAM, seq)

    async def take(self, step: Step) -> None:
        match step:
            case ("commit here", count):
                self.deliver(self.commit(count))
            case ("commit elsewhere", count):
                self.undelivered.append(self.commit(count))
            case ("late delivery", which) if self.undelivered:
                # Two writers of this replica may hand over their commits in either order.
                self.deliver(self.undelivered[which % len(self.undelivered)])
            case ("wake", back):
                self.wake(max(0, self.source.log - back))
            case ("look", _):
                self.told = max(self.told, self.source.log)
                await self.hub.look()
            case ("attach fresh", _):
                self.attach(None, None)
            case ("attach resuming", back):
                self.attach(EPOCH, max(0, self.source.log - back))
            case ("attach from another epoch", back):
                self.attach("e0", max(0, self.source.log - back))
            case ("attach from the future", ahead):
                self.attach(EPOCH, self.source.log + ahead)
            case ("leave", which) if self.sockets:
                self.sockets[which % len(self.sockets)][0].shut(1000)
            case ("expire", kept):
                self.source.kept_from = max(self.source.kept_from, self.source.log - kept)
                self.expired = True
            case ("turns", count):
                for _ in range(count):
                    await asyncio.sleep(0)

    async def settle(self) -> None:
        """Let everything that is under way come to its end."""
        still, before = 0, (-1, -1)
        while still < 40:  # more turns than any read takes
            await asyncio.sleep(0)
            now_at = self.source.calls, sum(len(socket.frames) for socket, _, _ in self.sockets)
            still, before = (still + 1, before) if now_at == before else (0, now_at)

    def check(self) -> None:
        for socket, since, epoch in self.sockets:
            if socket.closing and not socket.frames:
                continue  # it left before its welcome
            welcome, *events = socket.frames
            assert welcome["type"] == "welcome"
            if welcome["recovered"]:
                assert (epoch, since is not None) == (EPOCH, True)
                start = since or 0
                assert start in self.source.whole
                assert welcome["replayed"] == welcome["seq"] - start
            else:
                start = welcome["seq"]
                assert welcome["snapshot"] == {"n": start}
            seqs = [frame["seq"] for frame in events]
            assert seqs == list(range(start + 1, start + 1 + len(seqs)))
            if not socket.closing:
                assert start + len(seqs) >= self.told
                assert socket.live
            elif socket.code == TOO_SLOW:
                assert self.expired

    async def end(self) -> None:
        for socket, _, _ in self.sockets:
            socket.shut(1000)
        await asyncio.gather(*self.tasks)
        assert not self.hub.watches(STREAM)


async def run(steps: list[Step], turns: list[int]) -> Evening:
    evening = Evening(turns)
    evening.attach(None, None)
    for step in steps:
        await evening.take(step)
    await evening.settle()
    evening.check()
    await evening.take(("look", 0))
    await evening.settle()
    evening.check()
    await evening.end()
    return evening


@settings(max_examples=400, deadline=None)
@given(STEPS, st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_no_socket_has_a_hole_or_a_repeat(steps: list[Step], turns: list[int]) -> None:
    loop = asyncio.new_event_loop()
    try:
        evening = loop.run_until_complete(run(steps, turns))
    finally:
        loop.close()
    recovered = [s.frames[0]["recovered"] for s, _, _ in evening.sockets if s.frames]
    event(f"recovered: {any(recovered)}, snapshot: {not all(recovered)}")


class FlakySource(SlowSource):
    """A source whose database goes away for the reads in `faults`."""

    async def read(self, stream_id: UUID, after: int, limit: int) -> Sequence[StreamEvent]:
        found = await super().read(stream_id, after, limit)
        if self.calls in self.faults:
            raise DependencyUnavailable
        return found


async def test_a_database_that_was_away_for_a_moment_leaves_no_hole() -> None:
    evening = Evening([0])
    evening.source = FlakySource([0])
    evening.hub = Hub(evening.source)
    evening.attach(None, None)
    await evening.take(("turns", 6))
    evening.source.faults = {evening.source.calls + 2}
    await evening.take(("commit elsewhere", 3))
    evening.wake(evening.source.log)
    socket = evening.sockets[0][0]
    async with asyncio.timeout(5):
        while socket.seq < evening.source.log:  # noqa: ASYNC110 - the fake has no signal
            await asyncio.sleep(0.01)
    evening.check()
    await evening.end()


class BrokenSource(SlowSource):
    """A source whose reads fail by a bug."""

    async def read(self, stream_id: UUID, after: int, limit: int) -> Sequence[StreamEvent]:
        raise RuntimeError("a bug")


async def test_a_source_that_is_broken_sends_the_sockets_that_lack_something_to_resume() -> None:
    evening = Evening([0])
    evening.source = BrokenSource([0])
    evening.hub = Hub(evening.source)
    evening.attach(None, None)
    await evening.settle()
    evening.wake(len(evening.commit(2)))
    evening.attach(None, None)
    await evening.settle()
    (behind, _, _), (level, _, _) = evening.sockets
    assert behind.code == TOO_SLOW
    assert level.live
    await evening.end()
