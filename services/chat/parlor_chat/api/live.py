"""The live socket of a conversation: who is let in, and the commands that it takes."""

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from parlor_kit.commands import Command, Underway
from parlor_kit.errors import (
    DependencyUnavailable,
    NotFound,
    ParlorError,
    Unauthenticated,
    ValidationFailed,
)
from parlor_kit.http import violations
from parlor_kit.ids import UUID, parse_id
from parlor_kit.live_socket import NOT_AUTHENTICATED, NOT_ENTITLED, UNKNOWN, LiveSocket
from parlor_kit.principal import bearer
from parlor_kit.tracing import Trace
from pydantic import BaseModel, ValidationError
from sanic import Request

from parlor_chat.api.messages import receipt_view
from parlor_chat.api.socket_frames import ReceiptFrame, SendFrame
from parlor_chat.errors import NotEntitled
from parlor_chat.ports import Sent
from parlor_chat.usecases.chat_services import ChatServices

Frame = TypeVar("Frame", bound=BaseModel)

_CLOSE_CODES: Mapping[type[ParlorError], int] = {
    Unauthenticated: NOT_AUTHENTICATED,
    NotEntitled: NOT_ENTITLED,
    NotFound: UNKNOWN,
    DependencyUnavailable: 1013,
}


async def stream_conversation(
    services: ChatServices, request: Request, ws: LiveSocket, conversation_id: str
) -> None:
    """Stream a conversation to one of its participants, from where they were."""
    stream_id = parse_id(conversation_id)
    try:
        user_id = await services.socket_access.admit(
            stream_id or UUID(int=0),
            token=bearer(request.headers.get("authorization")),
            ticket=request.args.get("token"),
        )
    except ParlorError as refusal:
        ws.shut(_CLOSE_CODES.get(type(refusal), 1011), refusal.detail)
        return
    await services.hub.serve(
        ws,
        stream_id or UUID(int=0),
        user_id,
        epoch=request.args.get("epoch"),
        since=_since(request.args.get("since")),
        commands=_commands(services, stream_id or UUID(int=0), user_id, request.ctx.trace),
    )


def _since(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _commands(
    services: ChatServices, conversation_id: UUID, user_id: UUID, trace: Trace
) -> dict[str, Command]:
    def send(message: Mapping[str, Any]) -> Underway:
        frame = _valid(SendFrame, message)
        sending = services.send_message(
            user_id, conversation_id, frame.body, frame.client_message_id, trace
        )
        return Underway(sending, _sent)

    def record(message: Mapping[str, Any]) -> Underway:
        frame = _valid(ReceiptFrame, message)
        message_id = parse_id(frame.message_id)
        if message_id is None:
            raise NotFound()
        recording = services.record_receipt(
            user_id, message_id, is_read=frame.type == "read", trace=trace
        )
        return Underway(recording, receipt_view)

    return {"send": send, "delivered": record, "read": record}


def _sent(sent: Sent) -> Mapping[str, Any]:
    return {"message": orjson.Fragment(sent.view)}


def _valid(model: type[Frame], message: Mapping[str, Any]) -> Frame:
    try:
        return model.model_validate(message)
    except ValidationError as wrong:
        raise ValidationFailed(violations(wrong)) from wrong
