"""What an event on Kafka does to the sockets of a replica."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from parlor_chat import live_feed
from parlor_kit.events import Event
from parlor_kit.hub import Hub, Missed, Position, StreamEvent
from parlor_kit.ids import UUID, new_id


class NoStreams:
    async def look(self, known: Mapping[UUID, int], viewers: Collection[UUID]) -> Missed:
        return Missed()

    async def position(self, stream_id: UUID, since: int) -> Position | None:
        return None

    async def read(self, stream_id: UUID, after: int, limit: int) -> Sequence[StreamEvent]:
        return []

    async def snapshot(self, stream_id: UUID, viewer: UUID) -> tuple[int, Mapping[str, Any]]:
        return 0, {}


class RecordingHub(Hub):
    """A hub that watches one conversation and notes what it is told."""

    def __init__(self, watched: UUID) -> None:
        super().__init__(NoStreams())
        self.watched = watched
        self.had = 4
        self.told: list[tuple[Any, ...]] = []

    def lacks(self, stream_id: UUID, seq: int | None) -> bool:
        return stream_id == self.watched and (seq is None or seq > self.had)

    def wake(self, stream_id: UUID, seq: int) -> None:
        self.told.append(("wake", stream_id, seq))

    def close_stream(self, stream_id: UUID, code: int, reason: str) -> None:
        self.told.append(("close stream", stream_id, code))

    def close_viewer(self, viewer: UUID, code: int, reason: str) -> None:
        self.told.append(("close viewer", viewer, code))


def test_only_what_a_socket_lacks_and_accounts_are_parsed() -> None:
    hub = RecordingHub(new_id())
    wanted = live_feed.wanted(hub)
    assert wanted("chat.events", str(hub.watched), None)
    assert wanted("chat.events", str(hub.watched), 5)
    assert not wanted("chat.events", str(hub.watched), 4)
    assert not wanted("chat.events", str(new_id()), None)
    assert wanted("identity.events", str(new_id()), None)
    assert not wanted("chat.events", "no id", None)


def test_events_wake_or_close_what_they_concern() -> None:
    hub, account = RecordingHub(new_id()), new_id()
    apply = live_feed.on_event(hub)
    key = str(hub.watched)
    apply(Event("chat.events", "message.sent", key, {"event_seq": 5}))
    apply(Event("chat.events", "message.read", key, {"event_seq": 6}))
    apply(Event("chat.events", "conversation.created", key, {}))
    apply(Event("chat.events", "hold.placed", key, {}))
    apply(Event("chat.events", "conversation.closed", key, {"reason": "not_entitled"}))
    apply(Event("identity.events", "account.changed", str(account), {}))
    apply(Event("identity.events", "account.disabled", str(account), {}))
    assert hub.told == [
        ("wake", hub.watched, 5),
        ("wake", hub.watched, 6),
        ("close stream", hub.watched, 4403),
        ("close viewer", account, 4403),
    ]
