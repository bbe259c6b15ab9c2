"""TABLE: the routes of the audit log and of the keys that evidence is signed with.

Part of the public table in `routes`.
"""

from parlor_kit.principal import Role
from parlor_kit.routing import Route, only

from parlor_chat.api import audit
from parlor_chat.api.audit_schemas import (
    AuditExportQuery,
    AuditPage,
    AuditQuery,
    EvidenceKeysView,
)

ROWS = (
    Route(
        "GET",
        "/api/v1/admin/audit",
        audit.search_audit_log,
        only(Role.ADMIN),
        answers={200: AuditPage},
        query=AuditQuery,
    ),
    Route(
        "GET",
        "/api/v1/admin/audit/export",
        audit.export_audit_log,
        only(Role.ADMIN),
        answers={200: None},
        query=AuditExportQuery,
        streams="application/x-ndjson",
    ),
    Route(
        "GET",
        "/api/v1/admin/evidence-keys",
        audit.list_evidence_keys,
        only(Role.MODERATOR, Role.ADMIN),
        answers={200: EvidenceKeysView},
    ),
)
