"""The socket hub: live streams with resume, the same for chat and game.

A stream (a conversation, a game) is a durable log of events with gap-free `seq` under an `epoch`.
A socket asks for what follows `since`; it gets every missed event in order, or a snapshot and
`recovered: false`. Afterwards events come from two sides: straight after a commit on this replica,
and as a wake-up from Kafka that makes the hub read the rows which its sockets lack. `seq` drops
what came twice and shows what is missing; so there is never a hole and never a repeat. A wake-up
may be late or lost (a feed that has just begun, a broker or a relay that is away), so the hub also
looks every second where its streams stand.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from parlor_kit import logs
from parlor_kit.answers import dumps
from parlor_kit.clock import rfc3339
from parlor_kit.commands import Command, Inbound
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.jobs import every
from parlor_kit.live_socket import (
    GOING_AWAY,
    NOT_ENTITLED,
    TOO_SLOW,
    UNKNOWN,
    LiveSocket,
    text_frame,
)

log = logs.get("hub")

_PAGE = 500
_REPLAY_BYTES = 64 * 1024
_LOOK_SECONDS = 1.0
_STREAMS_A_LOOK = 1000


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a stream, framed once: `shared` for all, or `private` for the viewers in it."""

    seq: int
    shared: bytes
    private: Mapping[UUID, bytes] = field(default_factory=dict)

    def frame_for(self, viewer: UUID | None) -> bytes:
        return self.private.get(viewer, self.shared) if viewer else self.shared


def event_frame(seq: int, at: Any, event: Mapping[str, Any]) -> bytes:
    """The frame `{"type": "event", "seq", "at", "event"}` of the contract."""
    return text_frame(dumps({"type": "event", "seq": seq, "at": rfc3339(at), "event": event}))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a stream stands; `complete` says that every event after the asked one is retained."""

    epoch: str
    seq: int
    complete: bool


class StreamClosed(Exception):
    """The stream takes no sockets any more; one that comes is closed with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Missed:
    """What a look at the rows found that nobody told: streams that have moved on, and whom to shut.

    `closed` are streams that take no sockets any more, `shut_out` viewers that no stream takes.
    """

    moved: Mapping[UUID, int] = field(default_factory=dict)
    closed: Collection[UUID] = ()
    shut_out: Collection[UUID] = ()


class StreamSource(Protocol):
    """What the hub asks of a service: its streams' durable rows."""

    async def look(self, known: Mapping[UUID, int], viewers: Collection[UUID]) -> Missed:
        """What was missed of these streams, each with the seq that is known, and these viewers.

        Asked every second for all that is watched, a thousand at a time: one statement that finds
        rows by key and answers with those alone that there is something to say of.
        """

    async def position(self, stream_id: UUID, since: int) -> Position | None:
        """Where the stream stands, or None when there is no such stream.

        The socket is on the stream already, so a close that commits after this read finds it.

        Raises:
            StreamClosed: the stream exists, but has ended for its sockets.
        """

    async def read(self, stream_id: UUID, after: int, limit: int) -> Sequence[StreamEvent]:
        """Up to `limit` events after `after`, in order."""

    async def snapshot(self, stream_id: UUID, viewer: UUID) -> tuple[int, Mapping[str, Any]]:
        """The present state for `viewer`, and the seq that it stands at, in one consistent read."""


@dataclass(slots=True)
class _Stream:
    id: UUID
    sockets: set[LiveSocket] = field(default_factory=set)
    latest: int = 0
    catching_up: asyncio.Task[None] | None = None


class Hub:
    """The live sockets of this replica."""

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._streams: dict[UUID, _Stream] = {}
        self._draining = False

    @property
    def draining(self) -> bool:
        """Whether this replica is going away and takes no sockets any more."""
        return self._draining

    # -- events

    def lacks(self, stream_id: UUID, seq: int | None) -> bool:
        """Whether a socket here has not had the event at `seq` of a stream (any, for None)."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return False
        return seq is None or any(socket.seq < seq for socket in stream.sockets)

    def watches(self, stream_id: UUID) -> bool:
        return stream_id in self._streams

    def deliver(self, stream_id: UUID, events: Sequence[StreamEvent]) -> None:
        """Push events that this replica has just committed, or read."""
        stream = self._streams.get(stream_id)
        if stream is None or not events:
            return
        self._push(stream, events)
        self._mend(stream)

    def _push(self, stream: _Stream, events: Sequence[StreamEvent]) -> None:
        stream.latest = max(stream.latest, events[-1].seq)
        for event in events:
            for socket in tuple(stream.sockets):
                if (
                    socket.live
                    and event.seq == socket.seq + 1
                    and socket.send(event.frame_for(socket.viewer))
                ):
                    socket.seq = event.seq

    def wake(self, stream_id: UUID, seq: int) -> None:
        """The stream has moved to `seq` on some replica: read what our sockets lack."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.latest = max(stream.latest, seq)
            self._mend(stream)

    async def keep_level(self) -> None:
        """Look every second, until cancelled: a background task of every api process with a hub."""
        await every(_LOOK_SECONDS, "keep-level", self.look)

    async def look(self) -> None:
        """Find in the rows what the feed has not told of the streams that are watched here."""
        watched = list(self._streams.values())
        for start in range(0, len(watched), _STREAMS_A_LOOK):
            some = watched[start : start + _STREAMS_A_LOOK]
            viewers = {one.viewer for stream in some for one in stream.sockets if one.viewer}
            missed = await self._source.look({one.id: one.latest for one in some}, viewers)
            for stream_id, seq in missed.moved.items():
                self.wake(stream_id, seq)
            for stream_id in missed.closed:
                self.close_stream(stream_id, NOT_ENTITLED, "not entitled any more")
            for viewer in missed.shut_out:
                self.close_viewer(viewer, NOT_ENTITLED, "not entitled any more")

    def _behind(self, stream: _Stream) -> list[int]:
        return [s.seq for s in stream.sockets if s.live and s.seq < stream.latest]

    def _mend(self, stream: _Stream) -> None:
        if self._behind(stream) and stream.catching_up is None:
            stream.catching_up = asyncio.get_running_loop().create_task(self._catch_up(stream))

    async def _catch_up(self, stream: _Stream) -> None:
        delay = 0.05
        try:
            while behind := self._behind(stream):
                after = min(behind)
                try:
                    events = await self._source.read(stream.id, after, _PAGE)
                except DependencyUnavailable:
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, 2)
                    continue
                except Exception as fault:
                    log.error("hub.read_failed", exc_info=fault)
                    self._give_up(stream, stream.latest)
                    return
                if not events or events[0].seq != after + 1:
                    self._give_up(stream, after)
                    continue
                self._push(stream, events)
        finally:
            stream.catching_up = None

    def _give_up(self, stream: _Stream, after: int) -> None:
        """What these sockets lack cannot be had: they resume, and get a snapshot if need be."""
        for socket in tuple(stream.sockets):
            if socket.live and socket.seq <= min(after, stream.latest - 1):
                socket.shut(TOO_SLOW, "resume: events could not be read any more")

    # -- ends

    def close_stream(self, stream_id: UUID, code: int, reason: str) -> None:
        stream = self._streams.get(stream_id)
        for socket in tuple(stream.sockets if stream else ()):
            socket.shut(code, reason)

    def close_viewer(self, viewer: UUID, code: int, reason: str) -> None:
        for stream in tuple(self._streams.values()):
            for socket in tuple(stream.sockets):
                if socket.viewer == viewer:
                    socket.shut(code, reason)

    def streams_of(self, viewer: UUID) -> list[UUID]:
        """Streams on which `viewer` has a socket here."""
        return [
            stream.id
            for stream in self._streams.values()
            if any(socket.viewer == viewer for socket in stream.sockets)
        ]

    async def drain(self, seconds: float) -> None:
        """Close every socket with 1001; clients resume on another replica."""
        self._draining = True
        sockets = [s for stream in self._streams.values() for s in stream.sockets]
        for socket in sockets:
            socket.shut(GOING_AWAY, "server is going away: resume elsewhere")
        if sockets:
            await asyncio.wait(
                [asyncio.ensure_future(socket.ended()) for socket in sockets], timeout=seconds
            )

    # -- one socket

    async def serve(
        self,
        socket: LiveSocket,
        stream_id: UUID,
        viewer: UUID,
        *,
        epoch: str | None,
        since: int | None,
        commands: Mapping[str, Command],
        admit: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Welcome the socket, replay or snapshot, then carry it until it ends.

        `admit` decides on the viewer once the socket is on the stream, so that a `close_viewer`
        cannot fall in between; it raises `StreamClosed` to refuse.
        """
        if self._draining:
            socket.shut(GOING_AWAY, "server is going away: resume elsewhere")
            return
        socket.viewer = viewer
        stream = self._streams.setdefault(stream_id, _Stream(stream_id))
        stream.sockets.add(socket)
        try:
            if admit is not None:
                await admit()
            await self._welcome(socket, stream, viewer, epoch, since)
            socket.listen(Inbound(socket, commands))
            await socket.ended()
        except StreamClosed as closed:
            socket.shut(closed.code, closed.reason)
        except DependencyUnavailable:
            socket.shut(1013, "try again later")
        finally:
            stream.sockets.discard(socket)
            if not stream.sockets and self._streams.get(stream_id) is stream:
                del self._streams[stream_id]

    async def _welcome(
        self,
        socket: LiveSocket,
        stream: _Stream,
        viewer: UUID,
        epoch: str | None,
        since: int | None,
    ) -> None:
        position = await self._source.position(stream.id, since or 0)
        if position is None:
            socket.shut(UNKNOWN, "there is no such stream")
            return
        recovered = (
            since is not None
            and epoch == position.epoch
            and since <= position.seq
            and position.complete
        )
        welcome: dict[str, Any] = {"type": "welcome", "epoch": position.epoch}
        if recovered:
            socket.seq = since or 0
            welcome |= {
                "seq": position.seq,
                "recovered": True,
                "replayed": position.seq - socket.seq,
            }
        else:
            socket.seq, snapshot = await self._source.snapshot(stream.id, viewer)
            welcome |= {"seq": socket.seq, "recovered": False, "replayed": 0, "snapshot": snapshot}
        socket.send_json(dumps(welcome))
        stream.latest = max(stream.latest, position.seq, socket.seq)
        self._mend(stream)  # a newcomer may know of more than the sockets here have had
        await self._replay(socket, stream)

    async def _replay(self, socket: LiveSocket, stream: _Stream) -> None:
        """Send pages until the socket is level with the stream; then it is live.

        Nothing is awaited between the last comparison and `live = True`, so no event can fall in
        between. Memory stays flat: we wait whenever the transport has enough to do, so that a long
        replay or a large snapshot is never mistaken for a slow client.
        """
        await socket.drained()
        while socket.seq < stream.latest and not socket.closing:
            events = await self._source.read(stream.id, socket.seq, _PAGE)
            if not events or events[0].seq != socket.seq + 1:
                socket.shut(TOO_SLOW, "resume: events are no longer retained")
                return
            for event in events:
                if event.seq == socket.seq + 1 and socket.send(event.frame_for(socket.viewer)):
                    socket.seq = event.seq
                if socket.queued > _REPLAY_BYTES:
                    await socket.drained()
            await socket.drained()
        socket.live = not socket.closing
