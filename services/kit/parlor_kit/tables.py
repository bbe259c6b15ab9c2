"""The tables that every service's database has: outbox, inbox and idempotency records.

Migrations of this app (`kit`) run before those of the service. Nothing outside `parlor_kit` writes
to these tables, but for SQL functions of the hot paths, which insert outbox rows themselves.
"""

from tortoise import fields
from tortoise.models import Model


class Outbox(Model):
    """An event that its transaction committed and the broker has not yet taken. Then it is gone."""

    id = fields.BigIntField(primary_key=True, generated=True)
    event_id = fields.UUIDField(unique=True)
    topic = fields.TextField()
    key = fields.TextField()
    type = fields.TextField()
    data = fields.TextField()
    time = fields.DatetimeField()
    request_id = fields.TextField(null=True)
    traceparent = fields.TextField(null=True)
    error = fields.TextField(null=True)

    class Meta:
        table = "outbox"


class Inbox(Model):
    """An event that a consumer of this service has applied, written in the same transaction."""

    event_id = fields.UUIDField(primary_key=True)
    topic = fields.TextField()
    applied_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "inbox"


class IdempotencyRecord(Model):
    """The first answer to a POST that created something, kept as long as the object exists."""

    id = fields.BigIntField(primary_key=True, generated=True)
    scope = fields.TextField()
    key = fields.TextField()
    digest = fields.BinaryField()
    object_id = fields.UUIDField(null=True, db_index=True)
    status = fields.IntField(null=True)
    answer = fields.BinaryField(null=True)
    sealed = fields.BooleanField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "idempotency_records"
        unique_together = (("scope", "key"),)
