"""Every route of chat: method, path, function, who may call it, models. Nothing else is served."""

from parlor_kit.pages import PageQuery
from parlor_kit.principal import Role
from parlor_kit.routing import TRUSTED_SERVICE, Route, Routes, only

from parlor_chat import retention_errors
from parlor_chat.api import legal_holds, moderation, retention
from parlor_chat.api.retention_schemas import (
    HoldReportView,
    HoldResource,
    HoldView,
    NewHold,
    NewRun,
    ReleasedHolds,
    ReleaseQuery,
    ReviewQuery,
    ReviewView,
    RunPage,
    RunView,
)

PUBLIC = Routes(
    http=(
        # -- participants
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
            errors=(retention_errors.RunInProgress,),
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
    ),
    sockets=(),
)

INTERNAL = Routes(
    http=(
        # -- operator and the scheduled job
        Route(
            "PUT",
            "/internal/v1/legal-holds/{resource_uid}",
            legal_holds.upsert_legal_hold,
            TRUSTED_SERVICE,
            answers={200: HoldReportView},
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
            body=NewRun,
            creates=True,
        ),
    )
)
