"""TABLE: the routes of archive-expiry runs beside their start, and of retention policies.

Part of the public table in `routes`.
"""

from parlor_kit.errors import IdempotencyKeyReused, NotFound
from parlor_kit.pages import PageQuery
from parlor_kit.principal import Role
from parlor_kit.routing import Route, only

from parlor_chat.api import retention, retention_policies
from parlor_chat.api.expiry_schemas import (
    DecisionPage,
    DecisionQuery,
    KeptPage,
    NewRetentionPolicy,
    PolicyDeletion,
    RetentionPolicyPage,
    RetentionPolicyView,
)
from parlor_chat.api.retention_schemas import RunView
from parlor_chat.retention_errors import EarlyExpiryForbidden

ROWS = (
    Route(
        "POST",
        "/api/v1/admin/archive-expiry/runs/{run_id}/cancel",
        retention.cancel_archive_expiry_run,
        only(Role.ADMIN),
        answers={200: RunView, 202: RunView},
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/api/v1/admin/archive-expiry/runs/{run_id}/decisions",
        retention.list_archive_expiry_decisions,
        only(Role.ADMIN),
        answers={200: DecisionPage},
        errors=(NotFound,),
        query=DecisionQuery,
    ),
    Route(
        "GET",
        "/api/v1/admin/archive-expiry/runs/{run_id}/kept",
        retention.list_archive_expiry_kept,
        only(Role.ADMIN),
        answers={200: KeptPage},
        errors=(NotFound,),
        query=PageQuery,
    ),
    Route(
        "GET",
        "/api/v1/admin/archive-expiry/chain",
        retention.export_archive_expiry_chain,
        only(Role.ADMIN),
        answers={200: None},
        streams="application/x-ndjson",
    ),
    Route(
        "POST",
        "/api/v1/admin/retention-policies",
        retention_policies.set_retention_policy,
        only(Role.ADMIN),
        answers={201: RetentionPolicyView, 200: RetentionPolicyView},
        errors=(EarlyExpiryForbidden, IdempotencyKeyReused, NotFound),
        body=NewRetentionPolicy,
        creates=True,
    ),
    Route(
        "GET",
        "/api/v1/admin/retention-policies",
        retention_policies.list_retention_policies,
        only(Role.ADMIN),
        answers={200: RetentionPolicyPage},
        query=PageQuery,
    ),
    Route(
        "DELETE",
        "/api/v1/admin/retention-policies/{policy_id}",
        retention_policies.delete_retention_policy,
        only(Role.ADMIN),
        answers={200: RetentionPolicyView},
        errors=(NotFound,),
        query=PolicyDeletion,
    ),
)
