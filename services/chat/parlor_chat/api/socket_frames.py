"""Frames of a conversation's live socket: the commands of participants, and what is told.

`live` reads commands with these models; what is told is written in `frames` as bytes, and tests
hold the two together.
"""

from typing import Literal
from uuid import UUID

from parlor_kit.fields import Moment, Text, View
from parlor_kit.socket_frames import AckFrame, CommandFrame, EventFrame, WelcomeFrame

from parlor_chat.api.schemas import (
    ConversationView,
    MarkView,
    MessageView,
    NewMessage,
    ReceiptView,
)


class SendFrame(NewMessage, CommandFrame):
    """The message route by another door."""

    type: Literal["send"]


class ReceiptFrame(CommandFrame):
    """The routes of `delivered` and `read` by another door."""

    type: Literal["delivered", "read"]
    message_id: Text


class SentFrame(AckFrame):
    """A message was sent, or had been with this `client_message_id`."""

    message: MessageView


class RecordedFrame(ReceiptView, AckFrame):
    """A receipt is on record."""


class ConversationSnapshot(View):
    """The conversation, and its newest messages, newest last."""

    conversation: ConversationView
    messages: list[MessageView]


class ConversationWelcomeFrame(WelcomeFrame[ConversationSnapshot]):
    """The first frame: where the stream stands, and the conversation where it is not resumed."""


class MessageSent(View):
    type: Literal["message.sent"]
    message: MessageView


class ReceiptGiven(MarkView):
    type: Literal["message.delivered", "message.read"]
    conversation_id: UUID
    message_id: UUID


class MessageChanged(View):
    """An edit or a deletion, with the message as it stands at present."""

    type: Literal["message.edited", "message.deleted"]
    conversation_id: UUID
    message_id: UUID
    body: str
    edited_at: Moment | None
    deleted_at: Moment | None
    deleted_by: Literal["sender", "moderator"] | None


class ConversationEventFrame(EventFrame[MessageSent | ReceiptGiven | MessageChanged]):
    """One event of a conversation."""
