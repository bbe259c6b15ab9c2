"""The tables of legal holds, archive expiry and the audit trail. Used by `models.py` alone.

What a hold covers is never copied: who is held follows from these rows and `participants` at the
moment of the question, so a custodian's conversation is held from the second in which it is made.
`audit_records` and `archive_expiry_chunks` are append-only: `parlor_kit.migrate` gives the
service's role no right to change or delete their rows.
"""

from enum import StrEnum
from typing import ClassVar

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class HoldSource(StrEnum):
    """Who manages a hold: people through the API, or a LegalHold resource."""

    API = "api"
    OPERATOR = "operator"


class RunState(StrEnum):
    """How an archive-expiry run stands; a run that did not finish kept what it had committed.

    A running one whose process is gone is taken up again; it is interrupted when that fails often.
    """

    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Hold(Model):
    """A matter for which content stays, until the hold is released and `protects_until` is past."""

    id = fields.UUIDField(primary_key=True)
    source = fields.TextField()
    resource_uid = fields.UUIDField(null=True, unique=True)
    matter = fields.TextField()
    reason = fields.TextField()
    placed_by = fields.TextField()
    placed_at = fields.DatetimeField()
    released_at = fields.DatetimeField(null=True)
    released_by = fields.TextField(null=True)
    protects_until = fields.DatetimeField(null=True)
    orphaned_at = fields.DatetimeField(null=True)

    class Meta:
        table = "holds"


class HoldConversation(Model):
    """A conversation that a hold names; it may name one that chat does not have."""

    id = fields.BigIntField(primary_key=True, generated=True)
    hold_id = fields.UUIDField()
    conversation_id = fields.UUIDField()

    class Meta:
        table = "hold_conversations"
        unique_together = (("hold_id", "conversation_id"),)
        indexes = (Index(fields=("conversation_id", "hold_id")),)


class HoldCustodian(Model):
    """A user all of whose conversations, present and future, a hold covers."""

    id = fields.BigIntField(primary_key=True, generated=True)
    hold_id = fields.UUIDField()
    user_id = fields.UUIDField()

    class Meta:
        table = "hold_custodians"
        unique_together = (("hold_id", "user_id"),)
        indexes = (Index(fields=("user_id", "hold_id")),)


class ArchiveExpiryRun(Model):
    """One run of archive expiry; counters and cursor move with each batch that it commits."""

    id = fields.UUIDField(primary_key=True)
    state = fields.TextField()
    dry_run = fields.BooleanField()
    requested_by = fields.TextField()
    archive_before = fields.DatetimeField()
    expire_before = fields.DatetimeField()
    conversation_ids = fields.TextField(null=True)
    started_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)
    archived = fields.BigIntField(default=0)
    expired = fields.BigIntField(default=0)
    held = fields.BigIntField(default=0)
    manifest_sha256 = fields.TextField(null=True)
    ordered = fields.BooleanField(default=False)
    cursor_month = fields.DateField(null=True)
    cursor_conversation_id = fields.UUIDField(null=True)
    cursor_seq = fields.BigIntField(default=0)
    next_number = fields.IntField(default=0)
    attempts = fields.IntField(default=0)
    months = fields.IntField(default=0)
    months_done = fields.IntField(default=0)
    months_dropped = fields.IntField(default=0)
    month_planned = fields.BigIntField(default=0)
    month_decided = fields.BigIntField(default=0)
    cancel_requested_at = fields.DatetimeField(null=True)
    cancel_requested_by = fields.TextField(null=True)

    class Meta:
        table = "archive_expiry_runs"


class ArchiveExpiryChunk(Model):
    """A part of a run's manifest, committed with the deletions that it tells of; zlib inside."""

    append_only: ClassVar[bool] = True

    id = fields.BigIntField(primary_key=True, generated=True)
    run_id = fields.UUIDField()
    number = fields.IntField()
    content = fields.BinaryField()

    class Meta:
        table = "archive_expiry_chunks"
        unique_together = (("run_id", "number"),)


class ArchiveExpiryManifest(Model):
    """The signed statement about a real run that has ended, chained to the one before it."""

    append_only: ClassVar[bool] = True

    number = fields.BigIntField(primary_key=True, generated=False)
    run_id = fields.UUIDField(unique=True)
    sha256 = fields.TextField()
    envelope = fields.TextField()

    class Meta:
        table = "archive_expiry_manifests"


class AuditRecord(Model):
    """Who looked at, held, released or expired what, when and why. Never changed, never deleted.

    The database itself chains the records as they are committed (`migrations/0005_evidence.py`):
    it sets `position`, `previous_sha256` and `sha256`, whatever the service says.
    """

    append_only: ClassVar[bool] = True

    id = fields.BigIntField(primary_key=True, generated=True)
    at = fields.DatetimeField()
    action = fields.TextField()
    actor = fields.TextField()
    role = fields.TextField()
    conversation_id = fields.UUIDField(null=True, db_index=True)
    hold_id = fields.UUIDField(null=True, db_index=True)
    run_id = fields.UUIDField(null=True)
    user_id = fields.UUIDField(null=True, db_index=True)
    matter = fields.TextField(null=True)
    reason = fields.TextField(null=True)
    details = fields.TextField()
    request_id = fields.TextField()
    position = fields.BigIntField(null=True, unique=True)
    previous_sha256 = fields.TextField(null=True)
    sha256 = fields.TextField(null=True)

    class Meta:
        table = "audit_records"
