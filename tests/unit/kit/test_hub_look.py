"""What nobody told of, a look finds: streams that moved, streams that closed, viewers shut out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from factories.fake_socket import FakeSocket
from parlor_kit import hub as hub_module
from parlor_kit.clock import now
from parlor_kit.hub import Hub, Missed, Position, StreamEvent, event_frame
from parlor_kit.ids import new_id
from parlor_kit.live_socket import NOT_ENTITLED, LiveSocket


class Rows:
    """Streams that others write to, and say nothing."""

    def __init__(self) -> None:
        self.seqs: dict[UUID, int] = {}
        self.closed: set[UUID] = set()
        self.shut_out: set[UUID] = set()
        self.asked: list[int] = []

    async def look(self, known: Mapping[UUID, int], viewers: Collection[UUID]) -> Missed:
        self.asked.append(len(known))
        return Missed(
            {id_: self.seqs[id_] for id_, seq in known.items() if self.seqs[id_] > seq},
            self.closed & known.keys(),
            self.shut_out & set(viewers),
        )

    async def position(self, stream_id: UUID, since: int) -> Position | None:
        return Position("e", self.seqs[stream_id], complete=True)

    async def read(self, stream_id: UUID, after: int, limit: int) -> Sequence[StreamEvent]:
        return [
            StreamEvent(seq, event_frame(seq, now(), {"type": "test"}))
            for seq in range(after + 1, self.seqs[stream_id] + 1)
        ]

    async def snapshot(self, stream_id: UUID, viewer: UUID) -> tuple[int, Mapping[str, Any]]:
        return self.seqs[stream_id], {}


class Parlour:
    """A hub with a socket a stream."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.hub = Hub(self.rows)
        self.serving: list[asyncio.Task[None]] = []

    async def sockets(self, count: int) -> list[tuple[UUID, FakeSocket]]:
        made = [(new_id(), FakeSocket()) for _ in range(count)]
        for stream_id, socket in made:
            self.rows.seqs[stream_id] = 3
            work = self.hub.serve(
                cast(LiveSocket, socket), stream_id, new_id(), epoch=None, since=None, commands={}
            )
            self.serving.append(asyncio.create_task(work))
        await self.settle()
        return made

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
def parlour() -> Parlour:
    return Parlour()


async def test_a_socket_gets_what_no_wake_up_told_of(parlour: Parlour) -> None:
    (moved, behind), (_, still) = await parlour.sockets(2)
    parlour.rows.seqs[moved] = 6
    await parlour.hub.look()
    await parlour.settle()
    assert (behind.seq, still.seq) == (6, 3)
    assert behind.live


async def test_a_closed_stream_and_a_shut_out_viewer_lose_their_sockets(parlour: Parlour) -> None:
    (closed, first), (_, second), (_, third) = await parlour.sockets(3)
    assert second.viewer is not None
    parlour.rows.closed.add(closed)
    parlour.rows.shut_out.add(second.viewer)
    await parlour.hub.look()
    assert (first.code, second.code, third.code) == (NOT_ENTITLED, NOT_ENTITLED, None)


async def test_many_streams_are_asked_for_in_parts_and_none_costs_nothing(
    parlour: Parlour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_STREAMS_A_LOOK", 10)
    await parlour.hub.look()
    assert parlour.rows.asked == []
    sockets = await parlour.sockets(25)
    for stream_id, _ in sockets:
        parlour.rows.seqs[stream_id] = 4
    await parlour.hub.look()
    await parlour.settle()
    assert parlour.rows.asked == [10, 10, 5]
    assert {socket.seq for _, socket in sockets} == {4}
