"""The rows of reports, cases, notices and moderators' search. Part of `routes.py`."""

from parlor_kit.errors import IdempotencyKeyReused, NotFound
from parlor_kit.pages import PageQuery
from parlor_kit.principal import Role
from parlor_kit.routing import SIGNED_IN, Route, only

from parlor_chat import case_errors
from parlor_chat.api import cases, reports, search
from parlor_chat.api.case_schemas import (
    Assignment,
    CasePage,
    CasesQuery,
    CaseView,
    DossierView,
    FoundPage,
    NewDecision,
    NewNote,
    NewReport,
    NoteView,
    NoticePage,
    NoticeView,
    ReportView,
    SearchQuery,
)
from parlor_chat.api.hold_schemas import WhyQuery

_JUDGES = only(Role.MODERATOR, Role.ADMIN)

ROWS = (
    # -- participants
    Route(
        "POST",
        "/api/v1/messages/{message_id}/report",
        reports.create_report,
        SIGNED_IN,
        answers={201: ReportView, 200: ReportView},
        errors=(NotFound, case_errors.NotReportable, IdempotencyKeyReused),
        body=NewReport,
        creates=True,
    ),
    Route(
        "GET",
        "/api/v1/notices",
        reports.list_notices,
        SIGNED_IN,
        answers={200: NoticePage},
        query=PageQuery,
    ),
    Route(
        "POST",
        "/api/v1/notices/{notice_id}/read",
        reports.read_notice,
        SIGNED_IN,
        answers={200: NoticeView},
        errors=(NotFound,),
    ),
    # -- moderators and admins
    Route(
        "GET",
        "/api/v1/admin/cases",
        cases.list_cases,
        _JUDGES,
        answers={200: CasePage},
        query=CasesQuery,
    ),
    Route(
        "GET",
        "/api/v1/admin/cases/{case_id}",
        cases.read_case,
        _JUDGES,
        answers={200: DossierView},
        errors=(NotFound,),
        query=WhyQuery,
    ),
    Route(
        "POST",
        "/api/v1/admin/cases/{case_id}/assign",
        cases.assign_case,
        _JUDGES,
        answers={200: CaseView},
        errors=(
            NotFound,
            case_errors.AssignmentForbidden,
            case_errors.CaseClosed,
            case_errors.StaleCase,
        ),
        body=Assignment,
    ),
    Route(
        "POST",
        "/api/v1/admin/cases/{case_id}/notes",
        cases.create_case_note,
        _JUDGES,
        answers={201: NoteView},
        errors=(NotFound, case_errors.CaseClosed, IdempotencyKeyReused),
        body=NewNote,
        creates=True,
    ),
    Route(
        "POST",
        "/api/v1/admin/cases/{case_id}/close",
        cases.close_case,
        _JUDGES,
        answers={200: CaseView},
        errors=(NotFound, case_errors.CaseClosed, case_errors.StaleCase),
        body=NewDecision,
    ),
    Route(
        "GET",
        "/api/v1/admin/moderation/search",
        search.search_messages,
        _JUDGES,
        answers={200: FoundPage},
        query=SearchQuery,
    ),
)
