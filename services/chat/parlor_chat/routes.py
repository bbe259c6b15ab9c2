"""Every route of chat: method, path, function, who may call it, models. Nothing else is served."""

from parlor_kit.errors import (
    DependencyUnavailable,
    IdempotencyKeyReused,
    NotFound,
    TooManyRequests,
)
from parlor_kit.pages import PageQuery
from parlor_kit.principal import Role
from parlor_kit.routing import SIGNED_IN, TRUSTED_SERVICE, Route, Routes, SocketRoute, only
from parlor_kit.socket_frames import SocketQuery

from parlor_chat import (
    audit_routes,
    case_errors,
    case_routes,
    export_routes,
    hold_routes,
    retention_errors,
    retention_routes,
)
from parlor_chat.api import conversations, legal_holds, live, messages, moderation, retention
from parlor_chat.api.retention_schemas import (
    HoldReportView,
    HoldResource,
    HoldView,
    NewHold,
    NewRun,
    NewScheduledRun,
    ReleasedHolds,
    ReleaseQuery,
    ReviewQuery,
    ReviewView,
    RunPage,
    RunView,
)
from parlor_chat.api.schemas import (
    ConversationPage,
    ConversationView,
    EditedMessage,
    MessagePage,
    MessagesQuery,
    MessageView,
    NewConversation,
    NewMessage,
    ReceiptView,
    SocketTicketView,
)
from parlor_chat.api.socket_frames import (
    ConversationEventFrame,
    ConversationWelcomeFrame,
    ReceiptFrame,
    RecordedFrame,
    SendFrame,
    SentFrame,
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
            "PATCH",
            "/api/v1/messages/{message_id}",
            messages.edit_message,
            SIGNED_IN,
            answers={200: MessageView},
            errors=(
                NotEntitled,
                NotFound,
                case_errors.NotTheSender,
                case_errors.MessageDeleted,
                case_errors.EditWindowOver,
            ),
            body=EditedMessage,
        ),
        Route(
            "DELETE",
            "/api/v1/messages/{message_id}",
            messages.delete_message,
            SIGNED_IN,
            answers={200: MessageView},
            errors=(NotFound, case_errors.NotTheSender, case_errors.EditWindowOver),
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
        Route(
            "GET",
            "/api/v1/admin/moderation/conversations/{conversation_id}",
            moderation.review_conversation,
            only(Role.MODERATOR, Role.ADMIN),
            answers={200: ReviewView},
            query=ReviewQuery,
        ),
        Route(
            "POST",
            "/api/v1/admin/moderation/conversations/{conversation_id}/legal-hold",
            moderation.place_legal_hold,
            only(Role.MODERATOR, Role.ADMIN),
            answers={201: HoldView, 200: HoldView},
            body=NewHold,
            creates=True,
        ),
        Route(
            "DELETE",
            "/api/v1/admin/moderation/conversations/{conversation_id}/legal-hold",
            moderation.release_legal_hold,
            only(Role.MODERATOR, Role.ADMIN),
            answers={200: ReleasedHolds},
            errors=(
                retention_errors.HoldNotFound,
                retention_errors.ManagedByOperator,
                retention_errors.HoldCoversMore,
                retention_errors.OrphanReleaseForbidden,
            ),
            query=ReleaseQuery,
        ),
        Route(
            "POST",
            "/api/v1/admin/archive-expiry/run",
            retention.run_archive_expiry,
            only(Role.ADMIN),
            answers={200: RunView, 202: RunView},
            errors=(retention_errors.RunInProgress, retention_errors.EarlyExpiryForbidden),
            body=NewRun,
            creates=True,
        ),
        Route(
            "GET",
            "/api/v1/admin/archive-expiry/runs",
            retention.list_archive_expiry_runs,
            only(Role.ADMIN),
            answers={200: RunPage},
            query=PageQuery,
        ),
        Route(
            "GET",
            "/api/v1/admin/archive-expiry/runs/{run_id}",
            retention.read_archive_expiry_run,
            only(Role.ADMIN),
            answers={200: RunView},
        ),
        Route(
            "GET",
            "/api/v1/admin/archive-expiry/runs/{run_id}/manifest",
            retention.read_archive_expiry_manifest,
            only(Role.ADMIN),
            answers={200: None},
            streams="application/x-ndjson",
        ),
        *retention_routes.ROWS,
        *audit_routes.ROWS,
        *hold_routes.ROWS,
        *export_routes.ROWS,
        *case_routes.ROWS,
    ),
    sockets=(
        SocketRoute(
            "/api/v1/conversations/{conversation_id}/ws",
            live.stream_conversation,
            query=SocketQuery,
            takes=(SendFrame, ReceiptFrame),
            sends=(ConversationWelcomeFrame, ConversationEventFrame, SentFrame, RecordedFrame),
        ),
    ),
)

INTERNAL = Routes(
    http=(
        # -- operator and the scheduled job
        Route(
            "PUT",
            "/internal/v1/legal-holds/{resource_uid}",
            legal_holds.upsert_legal_hold,
            TRUSTED_SERVICE,
            answers={201: HoldReportView, 200: HoldReportView},
            errors=(
                retention_errors.HoldNotFound,
                retention_errors.MatterImmutable,
                retention_errors.HoldOnlyGrows,
                retention_errors.HoldReleased,
                retention_errors.HoldOrphaned,
            ),
            body=HoldResource,
        ),
        Route(
            "GET",
            "/internal/v1/legal-holds/{resource_uid}",
            legal_holds.read_legal_hold,
            TRUSTED_SERVICE,
            answers={200: HoldReportView},
            errors=(retention_errors.HoldNotFound,),
        ),
        Route(
            "DELETE",
            "/internal/v1/legal-holds/{resource_uid}",
            legal_holds.orphan_legal_hold,
            TRUSTED_SERVICE,
            answers={200: HoldReportView},
            errors=(retention_errors.HoldNotFound,),
        ),
        Route(
            "POST",
            "/internal/v1/archive-expiry/run",
            retention.run_scheduled_archive_expiry,
            TRUSTED_SERVICE,
            answers={200: RunView, 202: RunView},
            errors=(retention_errors.RunInProgress,),
            body=NewScheduledRun,
            creates=True,
        ),
    )
)
