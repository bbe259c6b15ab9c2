"""Stored events as the frames of the live sockets, each seat its own.

The play use case calls it with what it has just committed, the stream source with rows it has
read; both give the same bytes. A frame for all is composed once; only a seat with a private part
gets one of its own.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from parlor_kit.clock import rfc3339
from parlor_kit.hub import StreamEvent
from parlor_kit.live_socket import text_frame

from parlor_game.table import TableEvent


def stream_event(seq: int, at: datetime, event: TableEvent, players: Sequence[UUID]) -> StreamEvent:
    head = b'{"type":"event","seq":%d,"at":"%b","event":' % (seq, rfc3339(at).encode())
    private = {
        players[seat]: text_frame(head + event.seen_from(seat) + b"}") for seat in event.private
    }
    return StreamEvent(seq, text_frame(head + event.public + b"}"), private)


def stream_events(
    first_seq: int, at: datetime, events: Iterable[TableEvent], players: Sequence[UUID]
) -> list[StreamEvent]:
    """The events of one move, which follow each other in the stream."""
    return [
        stream_event(seq, at, event, players) for seq, event in enumerate(events, start=first_seq)
    ]
