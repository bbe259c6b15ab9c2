"""Every route of chat: method, path, function, who may call it, models. Nothing else is served."""

from parlor_kit.errors import (
    DependencyUnavailable,
    IdempotencyKeyReused,
    NotFound,
    TooManyRequests,
)
from parlor_kit.pages import PageQuery
from parlor_kit.routing import SIGNED_IN, Route, Routes, SocketRoute

from parlor_chat.api import conversations, live, messages
from parlor_chat.api.schemas import (
    ConversationPage,
    ConversationView,
    MessagePage,
    MessagesQuery,
    MessageView,
    NewConversation,
    NewMessage,
    ReceiptView,
    SocketTicketView,
)
from parlor_chat.errors import NotARecipient, NotEntitled

PUBLIC = Routes(
    http=(
        # -- participants
        Route(
            "POST",
            "/api/v1/conversations",
            conversations.create_conversation,
            SIGNED_IN,
            answers={201: ConversationView, 200: ConversationView},
            errors=(NotEntitled, IdempotencyKeyReused, DependencyUnavailable),
            body=NewConversation,
            creates=True,
        ),
        Route(
            "GET",
            "/api/v1/conversations",
            conversations.list_conversations,
            SIGNED_IN,
            answers={200: ConversationPage},
            query=PageQuery,
        ),
        Route(
            "GET",
            "/api/v1/conversations/{conversation_id}",
            conversations.get_conversation,
            SIGNED_IN,
            answers={200: ConversationView},
            errors=(NotFound,),
        ),
        Route(
            "GET",
            "/api/v1/conversations/{conversation_id}/messages",
            messages.list_messages,
            SIGNED_IN,
            answers={200: MessagePage},
            errors=(NotFound,),
            query=MessagesQuery,
        ),
        Route(
            "POST",
            "/api/v1/conversations/{conversation_id}/messages",
            messages.send_message,
            SIGNED_IN,
            answers={201: MessageView, 200: MessageView},
            errors=(
                NotEntitled,
                NotFound,
                IdempotencyKeyReused,
                TooManyRequests,
                DependencyUnavailable,
            ),
            body=NewMessage,
            creates=True,
        ),
        Route(
            "POST",
            "/api/v1/conversations/{conversation_id}/ws-ticket",
            conversations.create_socket_ticket,
            SIGNED_IN,
            answers={201: SocketTicketView},
            errors=(NotEntitled, NotFound, IdempotencyKeyReused),
            creates=True,
        ),
        Route(
            "POST",
            "/api/v1/messages/{message_id}/delivered",
            messages.mark_delivered,
            SIGNED_IN,
            answers={200: ReceiptView},
            errors=(NotARecipient, NotFound),
        ),
        Route(
            "POST",
            "/api/v1/messages/{message_id}/read",
            messages.mark_read,
            SIGNED_IN,
            answers={200: ReceiptView},
            errors=(NotARecipient, NotFound),
        ),
        # -- moderators and admins
    ),
    sockets=(SocketRoute("/api/v1/conversations/{conversation_id}/ws", live.stream_conversation),),
)

INTERNAL = Routes(
    http=(
        # -- operator and the scheduled job
    )
)
