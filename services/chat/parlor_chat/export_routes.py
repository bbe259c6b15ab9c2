"""TABLE: the routes of exports and erasures, as rows of `routes.PUBLIC`. For admins, moderators."""

from parlor_kit.pages import PageQuery
from parlor_kit.principal import Role
from parlor_kit.routing import Route, only

from parlor_chat import export_errors
from parlor_chat.api import erasures, exports
from parlor_chat.api.erasure_schemas import ErasureView
from parlor_chat.api.export_schemas import ExportPage, ExportView, NewExport

_REVIEWERS = only(Role.MODERATOR, Role.ADMIN)

ROWS = (
    Route(
        "POST",
        "/api/v1/admin/exports",
        exports.request_export,
        _REVIEWERS,
        answers={201: ExportView},
        errors=(export_errors.ExportForbidden, export_errors.NothingToExport),
        body=NewExport,
        creates=True,
    ),
    Route(
        "GET",
        "/api/v1/admin/exports",
        exports.list_exports,
        _REVIEWERS,
        answers={200: ExportPage},
        query=PageQuery,
    ),
    Route(
        "GET",
        "/api/v1/admin/exports/{export_id}",
        exports.get_export,
        _REVIEWERS,
        answers={200: ExportView},
    ),
    Route(
        "GET",
        "/api/v1/admin/exports/{export_id}/download",
        exports.download_export,
        _REVIEWERS,
        answers={200: None},
        errors=(
            export_errors.ExportNotReady,
            export_errors.ExportFailed,
            export_errors.ExportGone,
        ),
        streams="application/zip",
    ),
    Route(
        "GET",
        "/api/v1/admin/erasures/{account_id}",
        erasures.read_erasure,
        only(Role.ADMIN),
        answers={200: ErasureView},
    ),
)
