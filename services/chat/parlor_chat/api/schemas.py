"""Bodies, queries and views of the participants' side of chat."""

from typing import Annotated, Literal
from uuid import UUID

from parlor_kit.fields import Body, Moment, Query, Text, View
from parlor_kit.pages import MAX_LIMIT, Page
from pydantic import Field

MAX_OTHERS = 49

ClientMessageId = Annotated[Text, Field(min_length=1, max_length=128)]


class NewConversation(Body):
    """Whom to talk to. One other person makes the direct conversation of the two."""

    participant_ids: list[UUID] = Field(min_length=1, max_length=MAX_OTHERS)
    title: Annotated[Text, Field(min_length=1, max_length=200)] | None = None


class NewMessage(Body):
    """What to say. `client_message_id` makes sending again safe."""

    body: Annotated[Text, Field(min_length=1, max_length=4000)]
    client_message_id: ClientMessageId | None = None


class EditedMessage(Body):
    """What a message is to say from now on."""

    body: Annotated[Text, Field(min_length=1, max_length=4000)]


class MessagesQuery(Query):
    """Which messages: the newest, those around a seq, or where a cursor points."""

    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    before_seq: int | None = Field(None, ge=1, le=2**63 - 1)
    after_seq: int | None = Field(None, ge=0, le=2**63 - 1)
    cursor: str | None = Field(None, max_length=512)


class ParticipantView(View):
    user_id: UUID
    joined_at: Moment


class ConversationView(View):
    """A conversation as a participant sees it."""

    id: UUID
    kind: Literal["direct", "group"]
    title: str | None
    status: Literal["open", "closed"]
    participants: list[ParticipantView]
    created_by: UUID
    created_at: Moment
    last_seq: int
    unread_count: int = Field(description="Messages to you not read yet, of the newest 500.")


class ConversationPage(Page[ConversationView]):
    """Conversations of the caller, newest first."""


class MarkView(View):
    user_id: UUID
    at: Moment


class MessageView(View):
    """A message as a participant sees it; `sender_id` is null for those of the platform.

    A deleted message keeps its place and has no text: `body` is empty.
    """

    id: UUID
    conversation_id: UUID
    seq: int
    sender_id: UUID | None
    kind: Literal["user", "system"]
    body: str
    client_message_id: str | None
    sent_at: Moment
    delivered_to: list[MarkView]
    read_by: list[MarkView]
    edited_at: Moment | None
    deleted_at: Moment | None
    deleted_by: Literal["sender", "moderator"] | None


class MessagePage(Page[MessageView]):
    """Messages with the newest last."""


class ReceiptView(View):
    """What is on record of one recipient and one message."""

    message_id: UUID
    user_id: UUID
    delivered_at: Moment
    read_at: Moment | None


class SocketTicketView(View):
    """Opens one socket at `ws_url` with `?token=`, once, before it expires."""

    token: str
    conversation_id: UUID
    epoch: str
    seq: int
    expires_at: Moment
    ws_url: str
