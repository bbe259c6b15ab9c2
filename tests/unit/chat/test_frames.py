"""What participants get is what the API documents, wherever it comes from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from parlor_chat import frames
from parlor_chat.api.schemas import MessageView
from parlor_chat.message_changes import Change
from parlor_kit.answers import dumps
from parlor_kit.ids import new_id

MOMENT = datetime(2026, 11, 24, 22, 58, 12, 0, tzinfo=UTC)


def payload(frame: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = orjson.loads(frame[frame.index(b"{") :])
    return parsed


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "conversation_id": new_id(),
        "seq": 7,
        "sender_id": new_id(),
        "body": 'a "quoted" line\nand another',
        "client_message_id": None,
        "sent_at": MOMENT,
    } | changes


def test_a_stored_message_is_the_documented_view_with_whole_microseconds() -> None:
    late, early = MOMENT + timedelta(seconds=2), MOMENT + timedelta(seconds=1)
    ann, ben = new_id(), new_id()
    view = orjson.loads(
        dumps(
            frames.stored_message_view(
                row(),
                [
                    {"user_id": ann, "delivered_at": late, "read_at": None},
                    {"user_id": ben, "delivered_at": early, "read_at": late},
                ],
            )
        )
    )
    MessageView.model_validate_json(dumps(view))
    assert view["sent_at"] == "2026-11-24T22:58:12.000000Z"
    assert [mark["user_id"] for mark in view["delivered_to"]] == [str(ben), str(ann)]
    assert view["read_by"] == [{"user_id": str(ben), "at": "2026-11-24T22:58:14.000000Z"}]


def test_a_changed_message_shows_its_last_text_and_a_deleted_one_none() -> None:
    message = row()
    edited = Change("better", MOMENT, None, None, 2)
    view = frames.stored_message_view(message, change=edited)
    assert (view["body"], view["edited_at"], view["deleted_at"]) == (
        "better",
        "2026-11-24T22:58:12.000000Z",
        None,
    )
    deleted = Change("better", MOMENT, MOMENT, "moderator", 3)
    view = frames.stored_message_view(message, change=deleted)
    MessageView.model_validate_json(dumps(view))
    assert (view["body"], view["deleted_by"]) == ("", "moderator")


def test_the_event_of_a_change_has_the_fields_that_a_change_can_touch() -> None:
    conversation_id, message_id = new_id(), new_id()
    change = Change("better", MOMENT, None, None, 2)
    at = "2026-11-24T22:58:12.000000Z"
    event = frames.message_changed("message.edited", 5, conversation_id, message_id, change, at)
    assert payload(event.shared)["event"] == {
        "type": "message.edited",
        "conversation_id": str(conversation_id),
        "message_id": str(message_id),
        "body": "better",
        "edited_at": at,
        "deleted_at": None,
        "deleted_by": None,
    }


def test_a_message_of_the_platform_has_no_sender() -> None:
    view = frames.stored_message_view(row(sender_id=None))
    assert (view["sender_id"], view["kind"]) == (None, "system")


def test_the_event_of_a_message_wraps_the_view_as_it_stands() -> None:
    view = dumps(frames.stored_message_view(row()))
    event = frames.message_sent(9, "2026-11-24T22:58:12.000000Z", view)
    assert event.seq == 9
    assert payload(event.shared) == {
        "type": "event",
        "seq": 9,
        "at": "2026-11-24T22:58:12.000000Z",
        "event": {"type": "message.sent", "message": orjson.loads(view)},
    }


def test_the_event_of_a_receipt_names_message_and_reader() -> None:
    conversation_id, message_id, user_id = new_id(), new_id(), new_id()
    event = frames.receipt_recorded(
        "message.read", 4, conversation_id, message_id, user_id, "2026-11-24T22:58:12.000000Z"
    )
    frame = payload(event.shared)
    assert (frame["seq"], frame["event"]["type"]) == (4, "message.read")
    assert frame["event"]["message_id"] == str(message_id)
    assert frame["event"]["user_id"] == str(user_id)
