"""Bodies, queries and views of reports, cases, notices and moderators' search."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from parlor_kit.fields import Body, Moment, Text, View
from parlor_kit.pages import Page, PageQuery
from pydantic import AwareDatetime, Field

from parlor_chat.api.retention_schemas import Reason, RetainedMessageView
from parlor_chat.case_models import CaseState, Category, NoticeKind, Outcome
from parlor_chat.usecases.handle_case import Note
from parlor_chat.usecases.moderation_cases import ModerationCase
from parlor_chat.usecases.report_message import Report
from parlor_chat.usecases.view_cases import Counted, Dossier


class NewReport(Body):
    """What is wrong with a message."""

    category: Category = Category.OTHER
    reason: Reason


class ReportView(View):
    """A report as its reporter sees it; `outcome` comes with the decision."""

    id: UUID
    message_id: UUID
    category: Category
    created_at: Moment
    state: CaseState
    outcome: Outcome | None

    @classmethod
    def of(cls, report: Report) -> "ReportView":
        return cls(
            id=report.id,
            message_id=report.message_id,
            category=report.category,
            created_at=report.created_at,
            state=report.case.state,
            outcome=report.case.outcome,
        )


class NoticeView(View):
    """What was decided about a message that you reported, or that you sent."""

    id: UUID
    kind: NoticeKind
    conversation_id: UUID
    message_id: UUID
    outcome: Outcome
    explanation: str | None
    created_at: Moment
    read_at: Moment | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "NoticeView":
        return cls(**dict(row))


class NoticePage(Page[NoticeView]):
    """Your notices, newest first."""


class CasesQuery(PageQuery):
    """Which cases; `assignee_id`, `conversation_id` and `subject_id` narrow the queue."""

    state: CaseState | None = None
    assignee_id: UUID | None = None
    conversation_id: UUID | None = None
    subject_id: UUID | None = None


class CaseView(View):
    """A case; `version` is what a change of it has to name as `expected_version`."""

    id: UUID
    message_id: UUID
    conversation_id: UUID
    subject_id: UUID
    state: CaseState
    assignee_id: UUID | None
    outcome: Outcome | None
    version: int
    opened_at: Moment
    closed_at: Moment | None
    closed_by: UUID | None

    @classmethod
    def of(cls, case: ModerationCase) -> "CaseView":
        return cls(**_fields(case))


class QueuedCaseView(CaseView):
    """A case of the queue, and how many have reported its message."""

    reports: int

    @classmethod
    def queued(cls, counted: Counted) -> "QueuedCaseView":
        return cls(**_fields(counted.case), reports=counted.reports)


class CasePage(Page[QueuedCaseView]):
    """Cases, oldest first."""


class FiledReportView(View):
    """A report as moderators see it."""

    id: UUID
    reporter_id: UUID
    category: Category
    reason: str
    created_at: Moment


class NoteView(View):
    """A note was made; its text is shown with its case."""

    id: UUID
    case_id: UUID
    author_id: UUID
    created_at: Moment

    @classmethod
    def of(cls, note: Note) -> "NoteView":
        return cls(
            id=note.id,
            case_id=note.case_id,
            author_id=note.author_id,
            created_at=note.created_at,
        )


class FiledNoteView(View):
    """What somebody noted."""

    id: UUID
    author_id: UUID
    text: str
    created_at: Moment


class DossierView(View):
    """A case with its evidence; `message` is null, and words are gone, once it has expired."""

    case: CaseView
    reports: Sequence[FiledReportView]
    notes: Sequence[FiledNoteView]
    message: RetainedMessageView | None

    @classmethod
    def of(cls, dossier: Dossier) -> "DossierView":
        message = dossier.message
        return cls(
            case=CaseView.of(dossier.case),
            reports=[FiledReportView(**dict(row)) for row in dossier.reports],
            notes=[FiledNoteView(**dict(row)) for row in dossier.notes],
            message=RetainedMessageView.of(message) if message else None,
        )


class Assignment(Body):
    """Who takes the case; null gives it back to all."""

    assignee_id: UUID | None
    expected_version: int


class NewNote(Body):
    """Something for other moderators."""

    text: Annotated[Text, Field(min_length=1, max_length=2000)]


class NewDecision(Body):
    """How the case ends, and why; `explanation` goes to the sender unless it is `retained`."""

    outcome: Outcome
    expected_version: int
    reason: Reason
    explanation: Annotated[Text, Field(min_length=1, max_length=500)] | None = None


class SearchQuery(PageQuery):
    """Words to look for, as in a web search, why, and where."""

    q: Annotated[Text, Field(min_length=1, max_length=200)]
    reason: Reason
    conversation_id: UUID | None = None
    sender_id: UUID | None = None
    sent_after: AwareDatetime | None = None
    sent_before: AwareDatetime | None = None


class FoundPage(Page[RetainedMessageView]):
    """Messages one of whose versions was met, newest first."""


def _fields(case: ModerationCase) -> dict[str, Any]:
    return {name: getattr(case, name) for name in CaseView.model_fields}
