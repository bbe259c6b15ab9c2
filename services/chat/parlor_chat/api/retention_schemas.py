"""Bodies, queries and views of moderation, legal holds and archive expiry."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from parlor_kit.fields import Body, Moment, Query, View
from parlor_kit.pages import Page, PageQuery
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from parlor_chat.retention_models import HoldSource, RunState
from parlor_chat.usecases.expiry_runs import ExpiryRun
from parlor_chat.usecases.legal_holds import HoldState, LegalHold
from parlor_chat.usecases.retained_messages import Mark, RetainedMessage, Version
from parlor_chat.usecases.review_conversation import Review
from parlor_chat.usecases.upsert_hold import HoldReport

MAX_LISTED = 1000


def _plain(value: str) -> str:
    value = value.strip()
    if "\x00" in value:
        raise ValueError("must not contain a NUL character")
    return value


def _said(value: str) -> str:
    value = _plain(value)
    if len(value) < 3:
        raise ValueError("must say why, in 3 characters or more")
    return value


def _named(value: str) -> str:
    value = _plain(value)
    if not value:
        raise ValueError("must not be blank")
    return value


def _iso(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith("P"):
        raise ValueError("must be an ISO 8601 duration, for example P30D")
    return value


Reason = Annotated[str, Field(min_length=3, max_length=500), AfterValidator(_said)]
Matter = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_named)]
Period = Annotated[
    timedelta,
    Field(strict=False, ge=timedelta(0), le=timedelta(days=36_525)),
    BeforeValidator(_iso),
]


class ReviewQuery(PageQuery):
    """Why somebody looks, and from where on."""

    reason: Reason


class NewHold(Body):
    """The matter for which content has to stay."""

    matter: Matter
    reason: Reason


class ReleaseQuery(Query):
    """Which matter is over; without it, every hold of this conversation that came by the API."""

    matter: Matter | None = None
    reason: Reason | None = None


class HoldView(View):
    """A hold as it covers one conversation. A released one protects until `protects_until`."""

    id: UUID
    conversation_id: UUID
    matter: str
    reason: str
    source: HoldSource
    state: HoldState
    placed_by: str
    placed_at: Moment
    released_at: Moment | None
    released_by: str | None
    protects_until: Moment | None
    orphaned_at: Moment | None

    @classmethod
    def of(cls, hold: LegalHold, conversation_id: UUID) -> "HoldView":
        return cls(
            id=hold.id,
            conversation_id=conversation_id,
            matter=hold.matter,
            reason=hold.reason,
            source=hold.source,
            state=hold.state,
            placed_by=hold.placed_by,
            placed_at=hold.placed_at,
            released_at=hold.released_at,
            released_by=hold.released_by,
            protects_until=hold.protects_until,
            orphaned_at=hold.orphaned_at,
        )


class ReleasedHolds(View):
    """The holds that this request released; empty when they had been released before."""

    items: Sequence[HoldView]


class MarkView(View):
    user_id: UUID
    at: Moment

    @classmethod
    def all(cls, marks: Sequence[Mark]) -> "list[MarkView]":
        return [cls(user_id=mark.user_id, at=mark.at) for mark in marks]


class VersionView(View):
    """What a message said from `at` on; a deletion, by its sender or a moderator, says nothing."""

    version: int
    kind: Literal["sent", "edited", "deleted", "removed"]
    body: str | None
    by: UUID | None
    at: Moment

    @classmethod
    def of(cls, version: Version) -> "VersionView":
        return cls(
            version=version.number,
            kind=version.kind,  # type: ignore[arg-type]
            body=version.body,
            by=version.by,
            at=version.at,
        )


class RetainedMessageView(View):
    """A message with its receipts; `archived` ones are out of the participants' view.

    `body` is its last text, also where participants see none any more; `versions` has every one,
    the first as it was sent, and is empty where there is no other.
    """

    id: UUID
    conversation_id: UUID
    seq: int
    sender_id: UUID | None
    kind: Literal["user", "system"]
    body: str
    client_message_id: str | None
    sent_at: Moment
    delivered_to: Sequence[MarkView]
    read_by: Sequence[MarkView]
    state: Literal["active", "archived"]
    archived_at: Moment | None
    edited_at: Moment | None
    deleted_at: Moment | None
    deleted_by: Literal["sender", "moderator"] | None
    versions: Sequence[VersionView]

    @classmethod
    def of(cls, message: RetainedMessage) -> "RetainedMessageView":
        row, change = message.row, message.change
        return cls(
            id=row["id"],
            conversation_id=row["conversation_id"],
            seq=row["seq"],
            sender_id=row["sender_id"],
            kind=row["kind"],
            body=message.text,
            client_message_id=row["client_message_id"],
            sent_at=row["sent_at"],
            delivered_to=MarkView.all(message.delivered_to),
            read_by=MarkView.all(message.read_by),
            state="active" if row["archived_at"] is None else "archived",
            archived_at=row["archived_at"],
            edited_at=change.edited_at,
            deleted_at=change.deleted_at,
            deleted_by=change.deleted_by,  # type: ignore[arg-type]
            versions=[VersionView.of(version) for version in message.versions],
        )


class ReviewedParticipant(View):
    user_id: UUID
    joined_at: Moment


class ReviewedConversation(View):
    """The conversation itself; `last_seq` counts all messages that there ever were."""

    id: UUID
    kind: str
    title: str | None
    status: str
    closed_reason: str | None
    participants: Sequence[ReviewedParticipant]
    created_by: UUID
    created_at: Moment
    last_seq: int


class ReviewView(View):
    """One page of what is retained, oldest first, with every hold that covers or covered it."""

    conversation: ReviewedConversation
    messages: Sequence[RetainedMessageView]
    holds: Sequence[HoldView]
    next_cursor: str | None

    @classmethod
    def of(cls, review: Review, next_cursor: str | None) -> "ReviewView":
        conversation_id = review.conversation["id"]
        return cls(
            conversation=ReviewedConversation(
                **dict(review.conversation),
                participants=[ReviewedParticipant(**dict(row)) for row in review.participants],
            ),
            messages=[RetainedMessageView.of(each) for each in review.messages],
            holds=[HoldView.of(hold, conversation_id) for hold in review.holds],
            next_cursor=next_cursor,
        )


class HoldResource(Body):
    """What a LegalHold resource says at present."""

    matter: Matter
    reason: Reason
    conversation_ids: Annotated[list[UUID], Field(max_length=MAX_LISTED)] = Field(
        default_factory=list
    )
    custodian_ids: Annotated[list[UUID], Field(max_length=MAX_LISTED)] = Field(default_factory=list)
    state: Literal["Active", "Released"] = "Active"


class HoldReportView(View):
    """How the hold of a resource stands; the counts are of the moment."""

    hold_id: UUID
    resource_uid: UUID
    matter: str
    state: Literal["Active", "Released"]
    held_conversations: int
    held_messages: int
    missing_conversation_ids: Sequence[UUID]
    orphaned: bool
    placed_at: Moment
    released_at: Moment | None
    released_by: str | None
    protects_until: Moment | None

    @classmethod
    def of(cls, report: HoldReport, resource_uid: UUID) -> "HoldReportView":
        hold = report.hold
        return cls(
            hold_id=hold.id,
            resource_uid=resource_uid,
            matter=hold.matter,
            state="Active" if hold.active else "Released",
            held_conversations=report.covered.conversations,
            held_messages=report.covered.messages,
            missing_conversation_ids=report.covered.missing,
            orphaned=hold.orphaned_at is not None,
            placed_at=hold.placed_at,
            released_at=hold.released_at,
            released_by=hold.released_by,
            protects_until=hold.protects_until,
        )


class NewScheduledRun(Body):
    """A run over everything; a dry one changes nothing."""

    dry_run: bool = False

    @model_validator(mode="before")
    @classmethod
    def _nothing_said(cls, value: Any) -> Any:
        return {} if value is None else value


class NewRun(NewScheduledRun):
    """A run over everything, or over the named conversations alone.

    Shorter periods than the settings' are for named conversations, where CHAT_EARLY_EXPIRY allows.
    """

    conversation_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_LISTED)] | None = (
        None
    )
    archive_after: Period | None = None
    expire_after: Period | None = None


class ProgressView(View):
    """How far a run is: months of messages, and messages within the month where it is now.

    A month that expires as a whole is dropped, and is planned and decided about at once.
    """

    months: int
    months_done: int
    months_dropped: int
    month_planned: int
    month_decided: int
    percent: int

    @classmethod
    def of(cls, run: ExpiryRun) -> "ProgressView":
        ended = run.state is RunState.FINISHED
        share = run.month_decided / run.month_planned if run.month_planned else 0.0
        done = (run.months_done + min(share, 1.0)) / run.months if run.months else 0.0
        return cls(
            months=run.months,
            months_done=run.months if ended else run.months_done,
            months_dropped=run.months_dropped,
            month_planned=run.month_planned,
            month_decided=run.month_decided,
            percent=100 if ended else min(int(100 * done), 99),
        )


class RunView(View):
    """A run; `finished_at` and `manifest_sha256` are null while it goes on."""

    run_id: UUID
    state: RunState
    dry_run: bool
    requested_by: str
    archive_before: Moment
    expire_before: Moment
    conversation_ids: Sequence[UUID] | None
    started_at: Moment
    finished_at: Moment | None
    archived: int
    expired: int
    held: int
    manifest_sha256: str | None
    progress: ProgressView
    cancel_requested_at: Moment | None
    cancel_requested_by: str | None

    @classmethod
    def of(cls, run: ExpiryRun) -> "RunView":
        return cls(
            run_id=run.id,
            state=run.state,
            dry_run=run.dry_run,
            requested_by=run.requested_by,
            archive_before=run.cutoffs.archive_before,
            expire_before=run.cutoffs.expire_before,
            conversation_ids=run.conversation_ids,
            started_at=run.started_at,
            finished_at=run.finished_at,
            archived=run.archived,
            expired=run.expired,
            held=run.held,
            manifest_sha256=run.manifest_sha256,
            progress=ProgressView.of(run),
            cancel_requested_at=run.cancel_requested_at,
            cancel_requested_by=run.cancel_requested_by,
        )


class RunPage(Page[RunView]):
    """Runs, newest first."""
