"""Route functions of messages and their receipts."""

from parlor_kit.answers import Answer
from parlor_kit.clock import rfc3339
from parlor_kit.errors import ValidationFailed
from parlor_kit.pages import decode_cursor, encode_cursor
from parlor_kit.routing import Call

from parlor_chat.api.schemas import MessagesQuery
from parlor_chat.ports import Receipt
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.view_conversations import END, Window


async def list_messages(call: Call[ChatServices]) -> Answer:
    """List the messages of a conversation that you take part in, newest last."""
    page = await call.app.view_conversations.messages(
        call.user.id, call.id("conversation_id"), _window(call.query), call.query.limit
    )
    following = page.next
    cursor = (
        encode_cursor(following.after, following.before, int(following.forward))
        if following
        else None
    )
    return Answer(200, {"items": page.items, "next_cursor": cursor})


async def send_message(call: Call[ChatServices]) -> Answer:
    """Send a message; the same client_message_id again gives the first one."""
    sent = await call.app.send_message(
        call.user.id,
        call.id("conversation_id"),
        call.body.body,
        call.body.client_message_id,
        call.request.ctx.trace,
        call.idempotency_key,
    )
    return Answer(201 if sent.first or sent.repeated else 200, sent.view)


async def edit_message(call: Call[ChatServices]) -> Answer:
    """Edit a message of yours, within a while of sending it."""
    view = await call.app.change_message.edit(call.user.id, call.id("message_id"), call.body.body)
    return Answer(200, view)


async def delete_message(call: Call[ChatServices]) -> Answer:
    """Delete a message of yours, within a while of sending it; its place stays."""
    view = await call.app.change_message.delete(call.user.id, call.id("message_id"))
    return Answer(200, view)


async def mark_delivered(call: Call[ChatServices]) -> Answer:
    """Record that you have received a message."""
    return await _record(call, is_read=False)


async def mark_read(call: Call[ChatServices]) -> Answer:
    """Record that you have read a message; that it was delivered follows."""
    return await _record(call, is_read=True)


async def _record(call: Call[ChatServices], *, is_read: bool) -> Answer:
    receipt = await call.app.record_receipt(
        call.user.id, call.id("message_id"), is_read=is_read, trace=call.request.ctx.trace
    )
    return Answer(200, receipt_view(receipt))


def receipt_view(receipt: Receipt) -> dict[str, object]:
    return {
        "message_id": receipt.message_id,
        "user_id": receipt.user_id,
        "delivered_at": rfc3339(receipt.delivered_at),
        "read_at": rfc3339(receipt.read_at) if receipt.read_at else None,
    }


def _window(query: MessagesQuery) -> Window:
    if query.cursor is None:
        return Window(
            after=query.after_seq or 0,
            before=query.before_seq or END,
            forward=query.after_seq is not None,
        )
    if query.before_seq is not None or query.after_seq is not None:
        raise ValidationFailed([("cursor", "goes without before_seq and after_seq")])
    after, before, forward = decode_cursor(query.cursor, int, int, int)
    return Window(after, before, bool(forward))
