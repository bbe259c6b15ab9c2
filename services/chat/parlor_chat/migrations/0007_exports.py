"""Exports in chunks, and what is left of accounts that were erased."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

_CONSTRAINTS = """
ALTER TABLE exports
    ADD CHECK (scope IN ('matter', 'custodian', 'conversation')),
    ADD CHECK (state IN ('pending', 'building', 'ready', 'failed', 'deleted')),
    ADD CHECK ((state = 'building') = (builder IS NOT NULL AND leased_until IS NOT NULL)),
    ADD CHECK (state <> 'ready' OR sha256 IS NOT NULL AND expires_at IS NOT NULL);
CREATE INDEX exports_to_build ON exports (requested_at) WHERE state IN ('pending', 'building');
CREATE INDEX exports_to_delete ON exports (expires_at) WHERE state = 'ready';
ALTER TABLE export_conversations ADD FOREIGN KEY (export_id) REFERENCES exports (id);
ALTER TABLE export_chunks
    ADD FOREIGN KEY (export_id) REFERENCES exports (id),
    ADD CHECK (kind IN ('content', 'directory', 'manifest')),
    ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE erasures
    ADD CHECK (state IN ('erasing', 'kept', 'erased')),
    ADD CHECK ((state = 'erased') = (finished_at IS NOT NULL));
"""

_FREE = """
ALTER TABLE export_chunks DROP CONSTRAINT export_chunks_export_id_fkey;
ALTER TABLE export_conversations DROP CONSTRAINT export_conversations_export_id_fkey;
"""


class Migration(migrations.Migration):
    dependencies = [('chat', '0006_cases')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Export',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('scope', fields.TextField(unique=False)),
                ('subject', fields.TextField(unique=False)),
                ('reason', fields.TextField(unique=False)),
                ('requested_by', fields.UUIDField()),
                ('requester_role', fields.TextField(unique=False)),
                ('state', fields.TextField(unique=False)),
                ('requested_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('started_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('builder', fields.UUIDField(null=True)),
                ('leased_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('attempts', fields.IntField(default=0)),
                ('checkpoint', fields.TextField(null=True, unique=False)),
                ('conversations_total', fields.IntField()),
                ('conversations_done', fields.IntField(default=0)),
                ('messages_total', fields.BigIntField(null=True)),
                ('messages_done', fields.BigIntField(default=0)),
                ('size_bytes', fields.BigIntField(null=True)),
                ('sha256', fields.TextField(null=True, unique=False)),
                ('manifest_sha256', fields.TextField(null=True, unique=False)),
            ],
            options={'table': 'exports', 'app': 'chat', 'indexes': [Index(fields=['requested_by', 'id'])], 'pk_attr': 'id', 'table_description': 'An export that somebody asked for. `checkpoint` is where a new builder goes on (JSON).'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ExportConversation',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('export_id', fields.UUIDField()),
                ('position', fields.IntField()),
                ('conversation_id', fields.UUIDField(db_index=True)),
                ('messages', fields.BigIntField(null=True)),
                ('found', fields.BooleanField(null=True)),
            ],
            options={'table': 'export_conversations', 'app': 'chat', 'unique_together': (('export_id', 'position'),), 'pk_attr': 'id', 'table_description': 'A conversation that an export takes in, fixed when it is asked for; null: not read yet.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ExportChunk',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('export_id', fields.UUIDField()),
                ('kind', fields.TextField(unique=False)),
                ('number', fields.IntField()),
                ('content', fields.BinaryField()),
            ],
            options={'table': 'export_chunks', 'app': 'chat', 'unique_together': (('export_id', 'kind', 'number'),), 'pk_attr': 'id', 'table_description': 'A piece of an export; the pieces of one kind in the order of their numbers are the whole.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Erasure',
            fields=[
                ('account_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('state', fields.TextField(unique=False)),
                ('erased_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('learned_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('swept_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('due_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'erasures', 'app': 'chat', 'pk_attr': 'account_id', 'table_description': 'An account that identity has erased, and how far its traces here are gone.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ErasedConversation',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('conversation_id', fields.UUIDField(db_index=True)),
                ('erased', fields.BigIntField(default=0)),
                ('kept', fields.BigIntField(default=0)),
                ('kept_for', fields.TextField(null=True, unique=False)),
                ('checked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'erased_conversations', 'app': 'chat', 'unique_together': (('account_id', 'conversation_id'),), 'pk_attr': 'id', 'table_description': "What became of the account's messages in one conversation, and who keeps them (JSON)."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ErasureReport',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('service', fields.TextField(unique=False)),
                ('told_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('details', fields.TextField(unique=False)),
            ],
            options={'table': 'erasure_reports', 'app': 'chat', 'unique_together': (('account_id', 'service'),), 'pk_attr': 'id', 'table_description': 'What another service says it did about an erased account (JSON).'},
            bases=['Model'],
        ),
        ops.RunSQL(_CONSTRAINTS, _FREE),
    ]
