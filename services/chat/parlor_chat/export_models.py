"""The tables of exports and of erased accounts. Used by `models.py` alone.

An export lies in the database, in chunks. The worker that builds it and the replica that serves it
are other pods on other nodes: they share no disk, and a volume that both could write would be one
more thing to back up, encrypt and empty. Here it has the database's, it commits with the record of
what was put into it, and it goes by a DELETE that any replica can make.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class ExportScope(StrEnum):
    """What an export is about."""

    MATTER = "matter"
    CUSTODIAN = "custodian"
    CONVERSATION = "conversation"


class ExportState(StrEnum):
    """How far an export is; nothing but its record is left of a failed or a deleted one."""

    PENDING = "pending"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


class ChunkKind(StrEnum):
    """What a chunk is of: the archive, its directory, or its manifest, all kept as they grow."""

    CONTENT = "content"
    DIRECTORY = "directory"
    MANIFEST = "manifest"


class Export(Model):
    """An export that somebody asked for. `checkpoint` is where a new builder goes on (JSON)."""

    id = fields.UUIDField(primary_key=True)
    scope = fields.TextField()
    subject = fields.TextField()
    reason = fields.TextField()
    requested_by = fields.UUIDField()
    requester_role = fields.TextField()
    state = fields.TextField()
    requested_at = fields.DatetimeField()
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    builder = fields.UUIDField(null=True)
    leased_until = fields.DatetimeField(null=True)
    attempts = fields.IntField(default=0)
    checkpoint = fields.TextField(null=True)
    conversations_total = fields.IntField()
    conversations_done = fields.IntField(default=0)
    messages_total = fields.BigIntField(null=True)
    messages_done = fields.BigIntField(default=0)
    size_bytes = fields.BigIntField(null=True)
    sha256 = fields.TextField(null=True)
    manifest_sha256 = fields.TextField(null=True)

    class Meta:
        table = "exports"
        indexes = (Index(fields=("requested_by", "id")),)


class ExportConversation(Model):
    """A conversation that an export takes in, fixed when it is asked for; null: not read yet."""

    id = fields.BigIntField(primary_key=True, generated=True)
    export_id = fields.UUIDField()
    position = fields.IntField()
    conversation_id = fields.UUIDField(db_index=True)
    messages = fields.BigIntField(null=True)
    found = fields.BooleanField(null=True)

    class Meta:
        table = "export_conversations"
        unique_together = (("export_id", "position"),)


class ExportChunk(Model):
    """A piece of an export; the pieces of one kind in the order of their numbers are the whole."""

    id = fields.BigIntField(primary_key=True, generated=True)
    export_id = fields.UUIDField()
    kind = fields.TextField()
    number = fields.IntField()
    content = fields.BinaryField()

    class Meta:
        table = "export_chunks"
        unique_together = (("export_id", "kind", "number"),)


class ErasureState(StrEnum):
    """How far the erasure of an account is; `kept` waits for what a hold or a case keeps."""

    ERASING = "erasing"
    KEPT = "kept"
    ERASED = "erased"


class Erasure(Model):
    """An account that identity has erased, and how far its traces here are gone."""

    account_id = fields.UUIDField(primary_key=True)
    state = fields.TextField()
    erased_at = fields.DatetimeField()
    learned_at = fields.DatetimeField()
    swept_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    due_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "erasures"


class ErasedConversation(Model):
    """What became of the account's messages in one conversation, and who keeps them (JSON)."""

    id = fields.BigIntField(primary_key=True, generated=True)
    account_id = fields.UUIDField()
    conversation_id = fields.UUIDField(db_index=True)
    erased = fields.BigIntField(default=0)
    kept = fields.BigIntField(default=0)
    kept_for = fields.TextField(null=True)
    checked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "erased_conversations"
        unique_together = (("account_id", "conversation_id"),)


class ErasureReport(Model):
    """What another service says it did about an erased account (JSON)."""

    id = fields.BigIntField(primary_key=True, generated=True)
    account_id = fields.UUIDField()
    service = fields.TextField()
    told_at = fields.DatetimeField()
    details = fields.TextField()

    class Meta:
        table = "erasure_reports"
        unique_together = (("account_id", "service"),)
