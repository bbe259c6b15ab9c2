"""Legal holds, archive expiry and the audit trail, and two indexes that expiry finds its rows by.

The BRIN index costs a send next to nothing, since messages are appended in the order of `sent_at`;
the index on `message_keys` has only the rows of sends that came with an Idempotency-Key.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

_CONSTRAINTS = """
ALTER TABLE holds
    ADD CHECK (source IN ('api', 'operator')),
    ADD CHECK ((source = 'operator') = (resource_uid IS NOT NULL)),
    ADD CHECK ((released_at IS NULL) = (released_by IS NULL)),
    ADD CHECK (orphaned_at IS NULL OR source = 'operator');
ALTER TABLE hold_conversations ADD FOREIGN KEY (hold_id) REFERENCES holds (id);
ALTER TABLE hold_custodians ADD FOREIGN KEY (hold_id) REFERENCES holds (id);
ALTER TABLE archive_expiry_runs
    ADD CHECK (state IN ('running', 'finished', 'interrupted')),
    ADD CHECK ((state = 'running') = (finished_at IS NULL)),
    ADD CHECK ((state = 'running') = (manifest_sha256 IS NULL));
CREATE UNIQUE INDEX archive_expiry_runs_one_running
    ON archive_expiry_runs (state) WHERE state = 'running';
ALTER TABLE archive_expiry_chunks ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX messages_sent_at ON messages USING brin (sent_at) WITH (autosummarize = on);
CREATE INDEX message_keys_by_message ON message_keys (message_id) WHERE kind = 'idempotency';
"""

_FREE = """
DROP INDEX message_keys_by_message;
DROP INDEX messages_sent_at;
"""


class Migration(migrations.Migration):
    dependencies = [('chat', '0002_streams')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ArchiveExpiryChunk',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('run_id', fields.UUIDField()),
                ('number', fields.IntField()),
                ('content', fields.BinaryField()),
            ],
            options={'table': 'archive_expiry_chunks', 'app': 'chat', 'unique_together': (('run_id', 'number'),), 'pk_attr': 'id', 'table_description': "A part of a run's manifest, committed with the deletions that it tells of; zlib inside."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ArchiveExpiryRun',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('state', fields.TextField(unique=False)),
                ('dry_run', fields.BooleanField()),
                ('requested_by', fields.TextField(unique=False)),
                ('archive_before', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expire_before', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('conversation_ids', fields.TextField(null=True, unique=False)),
                ('started_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('archived', fields.BigIntField(default=0)),
                ('expired', fields.BigIntField(default=0)),
                ('held', fields.BigIntField(default=0)),
                ('manifest_sha256', fields.TextField(null=True, unique=False)),
            ],
            options={'table': 'archive_expiry_runs', 'app': 'chat', 'pk_attr': 'id', 'table_description': 'One run of archive expiry; its counters move with each batch that it commits.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='AuditRecord',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('action', fields.TextField(unique=False)),
                ('actor', fields.TextField(unique=False)),
                ('role', fields.TextField(unique=False)),
                ('conversation_id', fields.UUIDField(null=True, db_index=True)),
                ('hold_id', fields.UUIDField(null=True, db_index=True)),
                ('run_id', fields.UUIDField(null=True)),
                ('reason', fields.TextField(null=True, unique=False)),
                ('details', fields.TextField(unique=False)),
                ('request_id', fields.TextField(unique=False)),
            ],
            options={'table': 'audit_records', 'app': 'chat', 'pk_attr': 'id', 'table_description': 'Who looked at, held, released or expired what, when and why. Never changed, never deleted.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Hold',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('source', fields.TextField(unique=False)),
                ('resource_uid', fields.UUIDField(null=True, unique=True)),
                ('matter', fields.TextField(unique=False)),
                ('reason', fields.TextField(unique=False)),
                ('placed_by', fields.TextField(unique=False)),
                ('placed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('released_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('released_by', fields.TextField(null=True, unique=False)),
                ('orphaned_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'holds', 'app': 'chat', 'pk_attr': 'id', 'table_description': 'A matter for which content stays, until the hold is released.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='HoldConversation',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('hold_id', fields.UUIDField()),
                ('conversation_id', fields.UUIDField()),
            ],
            options={'table': 'hold_conversations', 'app': 'chat', 'unique_together': (('hold_id', 'conversation_id'),), 'indexes': [Index(fields=['conversation_id', 'hold_id'])], 'pk_attr': 'id', 'table_description': 'A conversation that a hold names; it may name one that chat does not have.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='HoldCustodian',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('hold_id', fields.UUIDField()),
                ('user_id', fields.UUIDField()),
            ],
            options={'table': 'hold_custodians', 'app': 'chat', 'unique_together': (('hold_id', 'user_id'),), 'indexes': [Index(fields=['user_id', 'hold_id'])], 'pk_attr': 'id', 'table_description': 'A user all of whose conversations, present and future, a hold covers.'},
            bases=['Model'],
        ),
        ops.RunSQL(_CONSTRAINTS, _FREE),
    ]
