"""The tables of reports, cases and notices. Used by `models.py` alone.

A case is about one message; while it is not closed, its conversation is kept as if held. What
people wrote about a message (reports, notes, notices) goes when the message expires; that it was
decided, by whom and how, stays in the case. `message_versions` and `message_search` are SQL alone,
beside the messages that they belong to: see `migrations/0006_cases.py`.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class CaseState(StrEnum):
    """How far a case is; `in_review` has an assignee."""

    OPEN = "open"
    IN_REVIEW = "in_review"
    CLOSED = "closed"


class Outcome(StrEnum):
    """How a case ends: for the message, or for the one who sent it."""

    REMOVED = "removed"
    RETAINED = "retained"
    WARNED = "warned"
    SUSPENDED = "suspended"


class Category(StrEnum):
    """What a reporter finds in a message."""

    SPAM = "spam"
    ABUSE = "abuse"
    THREAT = "threat"
    FRAUD = "fraud"
    OTHER = "other"


class NoticeKind(StrEnum):
    """Whom a notice is for: somebody who reported a message, or the one who sent it."""

    REPORT_DECIDED = "report_decided"
    MESSAGE_DECIDED = "message_decided"


class Case(Model):
    """A reported message on its way to a decision. `version` counts the changes of this row."""

    id = fields.UUIDField(primary_key=True)
    message_id = fields.UUIDField()
    conversation_id = fields.UUIDField()
    subject_id = fields.UUIDField()
    state = fields.TextField()
    assignee_id = fields.UUIDField(null=True)
    outcome = fields.TextField(null=True)
    version = fields.BigIntField(default=1)
    opened_at = fields.DatetimeField()
    closed_at = fields.DatetimeField(null=True)
    closed_by = fields.UUIDField(null=True)

    class Meta:
        table = "cases"
        indexes = (Index(fields=("message_id",)), Index(fields=("assignee_id", "id")))


class Report(Model):
    """What one participant said against one message; a second time is the first one again."""

    id = fields.UUIDField(primary_key=True)
    case_id = fields.UUIDField(db_index=True)
    message_id = fields.UUIDField()
    reporter_id = fields.UUIDField()
    category = fields.TextField()
    reason = fields.TextField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "reports"
        unique_together = (("message_id", "reporter_id"),)


class CaseNote(Model):
    """What a moderator noted on a case, for moderators alone."""

    id = fields.UUIDField(primary_key=True)
    case_id = fields.UUIDField()
    message_id = fields.UUIDField(db_index=True)
    author_id = fields.UUIDField()
    text = fields.TextField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "case_notes"
        indexes = (Index(fields=("case_id", "id")),)


class Notice(Model):
    """What the platform tells one person about a decision; nobody else sees it."""

    id = fields.UUIDField(primary_key=True)
    user_id = fields.UUIDField()
    kind = fields.TextField()
    case_id = fields.UUIDField(db_index=True)
    conversation_id = fields.UUIDField()
    message_id = fields.UUIDField(db_index=True)
    outcome = fields.TextField()
    explanation = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    read_at = fields.DatetimeField(null=True)

    class Meta:
        table = "notices"
        indexes = (Index(fields=("user_id", "id")),)
