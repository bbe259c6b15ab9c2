"""TABLE: the routes of legal holds by matter, as rows of `routes.PUBLIC`. Moderators and admins."""

from parlor_kit.principal import Role
from parlor_kit.routing import Route, only

from parlor_chat import retention_errors
from parlor_chat.api import holds, moderation
from parlor_chat.api.hold_schemas import (
    HoldDetailView,
    HoldPage,
    HoldsQuery,
    MatterHoldView,
    NewMatterHold,
    Restoration,
    WhyQuery,
)
from parlor_chat.api.retention_schemas import HoldView

_REVIEWERS = only(Role.MODERATOR, Role.ADMIN)
_UNDECIDED = (
    retention_errors.HoldNotFound,
    retention_errors.ManagedByOperator,
    retention_errors.OrphanReleaseForbidden,
)

ROWS = (
    Route(
        "POST",
        "/api/v1/admin/legal-holds",
        holds.place_matter_hold,
        _REVIEWERS,
        answers={201: MatterHoldView},
        body=NewMatterHold,
        creates=True,
    ),
    Route(
        "GET",
        "/api/v1/admin/legal-holds",
        holds.list_legal_holds,
        _REVIEWERS,
        answers={200: HoldPage},
        query=HoldsQuery,
    ),
    Route(
        "GET",
        "/api/v1/admin/legal-holds/{hold_id}",
        holds.read_matter_hold,
        _REVIEWERS,
        answers={200: HoldDetailView},
        errors=(retention_errors.HoldNotFound,),
        query=WhyQuery,
    ),
    Route(
        "DELETE",
        "/api/v1/admin/legal-holds/{hold_id}",
        holds.release_matter_hold,
        _REVIEWERS,
        answers={200: MatterHoldView},
        errors=_UNDECIDED,
        query=WhyQuery,
    ),
    Route(
        "POST",
        "/api/v1/admin/legal-holds/{hold_id}/restore",
        holds.restore_matter_hold,
        _REVIEWERS,
        answers={200: MatterHoldView},
        errors=(*_UNDECIDED, retention_errors.GraceOver),
        body=Restoration,
    ),
    Route(
        "POST",
        "/api/v1/admin/moderation/conversations/{conversation_id}/legal-hold/{hold_id}/restore",
        moderation.restore_legal_hold,
        _REVIEWERS,
        answers={200: HoldView},
        errors=(*_UNDECIDED, retention_errors.GraceOver),
        body=Restoration,
    ),
)
