"""How messages and receipts look to participants: the same in lists, answers, frames, snapshots.

Plain dicts and bytes instead of view models, because each message of the hot path passes here
once. `api/schemas.py` documents the same shapes, and a test holds the two together.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from parlor_kit.answers import dumps
from parlor_kit.clock import rfc3339
from parlor_kit.hub import StreamEvent
from parlor_kit.live_socket import text_frame

from parlor_chat.message_changes import UNCHANGED, Change

Row = Mapping[str, Any]


def message_view(
    *,
    id: UUID,
    conversation_id: UUID,
    seq: int,
    sender_id: UUID | None,
    body: str,
    client_message_id: str | None,
    sent_at: str,
    delivered_to: Iterable[Mapping[str, Any]] = (),
    read_by: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A message as its participants see it; `sent_at` is text already."""
    return {
        "id": id,
        "conversation_id": conversation_id,
        "seq": seq,
        "sender_id": sender_id,
        "kind": "user" if sender_id else "system",
        "body": body,
        "client_message_id": client_message_id,
        "sent_at": sent_at,
        "delivered_to": [*delivered_to],
        "read_by": [*read_by],
        "edited_at": None,
        "deleted_at": None,
        "deleted_by": None,
    }


def stored_message_view(
    row: Row, receipts: Iterable[Row] = (), change: Change = UNCHANGED
) -> dict[str, Any]:
    """A row of `messages` with its rows of `receipts`, and what has become of it."""
    marks = sorted(receipts, key=lambda mark: (mark["delivered_at"], mark["user_id"]))
    view = message_view(
        id=row["id"],
        conversation_id=row["conversation_id"],
        seq=row["seq"],
        sender_id=row["sender_id"],
        body=row["body"],
        client_message_id=row["client_message_id"],
        sent_at=rfc3339(row["sent_at"]),
        delivered_to=[_mark(mark["user_id"], mark["delivered_at"]) for mark in marks],
        read_by=[_mark(mark["user_id"], mark["read_at"]) for mark in marks if mark["read_at"]],
    )
    return view if change is UNCHANGED else view | change.shown(row["body"])


def _mark(user_id: UUID, at: datetime) -> dict[str, Any]:
    return {"user_id": user_id, "at": rfc3339(at)}


def message_sent(event_seq: int, at: str, view: bytes) -> StreamEvent:
    """The event of a new message, framed around its ready `view`."""
    return StreamEvent(
        event_seq,
        text_frame(
            b'{"type":"event","seq":%d,"at":"%b","event":{"type":"message.sent","message":%b}}'
            % (event_seq, at.encode(), view)
        ),
    )


def receipt_recorded(
    type_: str, event_seq: int, conversation_id: UUID, message_id: UUID, user_id: UUID, at: str
) -> StreamEvent:
    """The event of a receipt: `message.delivered` or `message.read`."""
    frame = {
        "type": "event",
        "seq": event_seq,
        "at": at,
        "event": {
            "type": type_,
            "conversation_id": conversation_id,
            "message_id": message_id,
            "user_id": user_id,
            "at": at,
        },
    }
    return StreamEvent(event_seq, text_frame(dumps(frame)))


def message_changed(
    type_: str, event_seq: int, conversation_id: UUID, message_id: UUID, change: Change, at: str
) -> StreamEvent:
    """The event of an edit or a deletion, with the message as it stands at present.

    So somebody who resumes never gets a text that was taken back in between, and whoever follows
    every event ends with what a list shows.
    """
    frame = {
        "type": "event",
        "seq": event_seq,
        "at": at,
        "event": {
            "type": type_,
            "conversation_id": conversation_id,
            "message_id": message_id,
            **change.shown(""),
        },
    }
    return StreamEvent(event_seq, text_frame(dumps(frame)))
