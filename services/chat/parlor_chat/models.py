"""The tables of chat that the ORM knows. Those of the hot path are SQL alone.

`messages`, `receipts` and `message_keys` are made in `migrations/0002_streams.py`, beside the two
functions that write them, and have no model: a send must never pass an ORM. Their columns:

    messages      id, conversation_id, seq, event_seq, sender_id (null: system), kind, body,
                  client_message_id, sent_at, archived_at
    receipts      message_id, user_id, conversation_id, delivered_at, read_at,
                  delivered_event_seq, read_event_seq
    message_keys  conversation_id, sender_id, kind (client | idempotency), key -> message_id,
                  digest, created; deleted together with the message that they name

So are those of `migrations/0006_cases.py`, which follow from messages and go with them:

    message_versions  message_id, version (from 2 on), conversation_id, event_seq, kind (edited |
                      deleted | removed), body (of an edit), by_user_id, at
    message_search    message_id, conversation_id, document; written behind the senders' backs

`seq` counts the messages of a conversation, `event_seq` everything that its sockets see; both are
handed out under the conversation's row lock, so neither has a gap.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from parlor_chat.case_models import Case, CaseNote, Notice, Report
from parlor_chat.evidence_models import AuditHead, EvidenceKey
from parlor_chat.export_models import (
    ErasedConversation,
    Erasure,
    ErasureReport,
    Export,
    ExportChunk,
    ExportConversation,
)
from parlor_chat.retention_models import (
    ArchiveExpiryChunk,
    ArchiveExpiryManifest,
    ArchiveExpiryRun,
    AuditRecord,
    Hold,
    HoldConversation,
    HoldCustodian,
)

__all__ = [
    "Account",
    "ArchiveExpiryChunk",
    "ArchiveExpiryManifest",
    "ArchiveExpiryRun",
    "AuditHead",
    "AuditRecord",
    "Case",
    "CaseNote",
    "Conversation",
    "ErasedConversation",
    "Erasure",
    "ErasureReport",
    "EvidenceKey",
    "Export",
    "ExportChunk",
    "ExportConversation",
    "Hold",
    "HoldConversation",
    "HoldCustodian",
    "Kind",
    "Notice",
    "Participant",
    "Recheck",
    "Report",
    "SocketTicket",
    "Status",
]


class Kind(StrEnum):
    """A direct conversation is the only one of its two people; groups may repeat."""

    DIRECT = "direct"
    GROUP = "group"


class Status(StrEnum):
    """Only an open conversation takes messages; a closed one can still be read."""

    OPEN = "open"
    CLOSED = "closed"


class Conversation(Model):
    """A stream of messages and receipts among fixed participants."""

    id = fields.UUIDField(primary_key=True)
    kind = fields.TextField()
    title = fields.TextField(null=True)
    direct_key = fields.CharField(73, null=True, unique=True)
    participants_key = fields.TextField()
    epoch = fields.TextField()
    last_seq = fields.BigIntField(default=0)
    event_seq = fields.BigIntField(default=0)
    status = fields.TextField(default=Status.OPEN.value)
    closed_reason = fields.TextField(null=True)
    created_by = fields.UUIDField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "conversations"
        indexes = (Index(fields=("participants_key", "created_at")),)


class Participant(Model):
    """A person in a conversation, from its creation on."""

    id = fields.BigIntField(primary_key=True, generated=True)
    conversation_id = fields.UUIDField()
    user_id = fields.UUIDField()
    joined_at = fields.DatetimeField()

    class Meta:
        table = "participants"
        unique_together = (("conversation_id", "user_id"),)
        indexes = (Index(fields=("user_id", "conversation_id")),)


class Account(Model):
    """What identity's events last said of an account: whether it is disabled."""

    id = fields.UUIDField(primary_key=True)
    version = fields.BigIntField()
    disabled = fields.BooleanField()

    class Meta:
        table = "accounts"


class Ground(Model):
    """A distributor on whom the entitlement of a conversation rested when it was last asked for.

    Only so are two customers' conversations found when their distributor is disabled.
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    conversation_id = fields.UUIDField()
    distributor_id = fields.UUIDField()

    class Meta:
        table = "grounds"
        unique_together = (("conversation_id", "distributor_id"),)
        indexes = (Index(fields=("distributor_id", "conversation_id")),)


class Recheck(Model):
    """A conversation whose entitlement is asked for again at `due_at`.

    Customer learns of an account a moment before or after us, and a relationship can end while a
    conversation is being made; asking once more bounds how long we can be wrong.
    """

    conversation_id = fields.UUIDField(primary_key=True)
    due_at = fields.DatetimeField(db_index=True)
    attempts_left = fields.IntField()

    class Meta:
        table = "rechecks"


class SocketTicket(Model):
    """Lets its user open one socket on its conversation, once, within a minute."""

    id = fields.UUIDField(primary_key=True)
    token_digest = fields.CharField(64, unique=True)
    conversation_id = fields.UUIDField()
    user_id = fields.UUIDField()
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "socket_tickets"
