"""Versions of messages, reports, cases and notices, and what moderators search by.

A message's own row never changes by an edit or a deletion: `message_versions` says what became of
it, and so what was sent stays what was sent. Search has rows of its own, written behind the
senders' backs by a job, because an index on the messages themselves costs each row that is sent
half as much again; they lie in months as messages do. Versions are few enough to be indexed where
they are. What is written about a message names it, so that it can go when the message goes.
"""

from importlib import import_module

from tortoise import migrations
from tortoise.migrations import operations as ops
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

_partitions = import_module("parlor_chat.migrations.0004_partitions")

_STREAMS = """
CREATE TABLE message_versions (
    message_id uuid NOT NULL,
    version int NOT NULL CHECK (version > 1),
    conversation_id uuid NOT NULL,
    event_seq bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('edited', 'deleted', 'removed')),
    body text,
    by_user_id uuid NOT NULL,
    at timestamptz NOT NULL,
    CHECK ((kind = 'edited') = (body IS NOT NULL)),
    PRIMARY KEY (message_id, version),
    UNIQUE (conversation_id, event_seq)
);
CREATE INDEX message_versions_text ON message_versions
    USING gin (to_tsvector('simple', body)) WHERE body IS NOT NULL;
CREATE TABLE message_search (
    message_id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    document tsvector NOT NULL
) PARTITION BY RANGE (message_id);
CREATE TABLE message_search_default PARTITION OF message_search DEFAULT;
CREATE INDEX message_search_text ON message_search USING gin (document);
CREATE TABLE message_search_position (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    indexed_until timestamptz NOT NULL
);
CREATE INDEX messages_sent_at ON messages USING brin (sent_at) WITH (autosummarize = on);
"""

_UNSTREAMS = """
DROP INDEX messages_sent_at;
DROP TABLE message_search_position;
DROP TABLE message_search;
DROP TABLE message_versions;
"""

_CONSTRAINTS = """
ALTER TABLE cases
    ADD CHECK (state IN ('open', 'in_review', 'closed')),
    ADD CHECK (outcome IN ('removed', 'retained', 'warned', 'suspended')),
    ADD CHECK ((state = 'closed') = (outcome IS NOT NULL)),
    ADD CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    ADD CHECK ((state = 'closed') = (closed_by IS NOT NULL)),
    ADD CHECK (state <> 'in_review' OR assignee_id IS NOT NULL),
    ADD CHECK (state <> 'open' OR assignee_id IS NULL);
CREATE UNIQUE INDEX cases_one_unclosed ON cases (message_id) WHERE state <> 'closed';
CREATE INDEX cases_pinning ON cases (conversation_id, id) WHERE state <> 'closed';
CREATE INDEX cases_queue ON cases (state, id);
ALTER TABLE reports ADD FOREIGN KEY (case_id) REFERENCES cases (id);
ALTER TABLE case_notes ADD FOREIGN KEY (case_id) REFERENCES cases (id);
ALTER TABLE notices ADD FOREIGN KEY (case_id) REFERENCES cases (id);
"""

_FREE = """
ALTER TABLE notices DROP CONSTRAINT notices_case_id_fkey;
ALTER TABLE case_notes DROP CONSTRAINT case_notes_case_id_fkey;
ALTER TABLE reports DROP CONSTRAINT reports_case_id_fkey;
"""

_MONTHS = _partitions._edited(
    _partitions._MAKE_MONTHS,
    _partitions._REPLACE,
    (
        """        IF EXISTS (SELECT FROM messages_default""",
        """        EXECUTE format('CREATE TABLE message_search_%1$s
            (LIKE message_search_default INCLUDING ALL)', name);
        IF EXISTS (SELECT FROM message_search_default
            WHERE message_id >= lower AND message_id < upper)
        THEN
            LOCK TABLE message_search_default IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('WITH moved AS (DELETE FROM message_search_default
                WHERE message_id >= $1 AND message_id < $2 RETURNING *)
                INSERT INTO message_search_%1$s SELECT * FROM moved', name) USING lower, upper;
        END IF;
        EXECUTE format('ALTER TABLE message_search ATTACH PARTITION message_search_%1$s
            FOR VALUES FROM (%2$L) TO (%3$L)', name, lower, upper);
        IF EXISTS (SELECT FROM messages_default""",
    ),
    (
        """    LOCK TABLE messages, receipts IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('DROP TABLE messages_%1$s, receipts_%1$s', to_char(month, 'YYYY_MM'));
""",
        """    LOCK TABLE message_search, messages, receipts IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('DROP TABLE messages_%1$s, receipts_%1$s, message_search_%1$s',
        to_char(month, 'YYYY_MM'));
""",
    ),
)

_MONTHS_THERE = """
DO $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT to_char(month, 'YYYY_MM') AS name, first_id, end_id FROM message_months LOOP
        EXECUTE format('CREATE TABLE message_search_%1$s PARTITION OF message_search
            FOR VALUES FROM (%2$L) TO (%3$L)', each.name, each.first_id, each.end_id);
    END LOOP;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [('chat', '0005_evidence')]

    initial = False

    operations = [
        ops.RunSQL(_STREAMS, _UNSTREAMS),
        ops.CreateModel(
            name='Case',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('message_id', fields.UUIDField()),
                ('conversation_id', fields.UUIDField()),
                ('subject_id', fields.UUIDField()),
                ('state', fields.TextField(unique=False)),
                ('assignee_id', fields.UUIDField(null=True)),
                ('outcome', fields.TextField(null=True, unique=False)),
                ('version', fields.BigIntField(default=1)),
                ('opened_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('closed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('closed_by', fields.UUIDField(null=True)),
            ],
            options={'table': 'cases', 'app': 'chat', 'indexes': [Index(fields=['message_id']), Index(fields=['assignee_id', 'id'])], 'pk_attr': 'id', 'table_description': 'A reported message on its way to a decision. `version` counts the changes of this row.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Report',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('case_id', fields.UUIDField(db_index=True)),
                ('message_id', fields.UUIDField()),
                ('reporter_id', fields.UUIDField()),
                ('category', fields.TextField(unique=False)),
                ('reason', fields.TextField(unique=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'reports', 'app': 'chat', 'unique_together': (('message_id', 'reporter_id'),), 'pk_attr': 'id', 'table_description': 'What one participant said against one message; a second time is the first one again.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CaseNote',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('case_id', fields.UUIDField()),
                ('message_id', fields.UUIDField(db_index=True)),
                ('author_id', fields.UUIDField()),
                ('text', fields.TextField(unique=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'case_notes', 'app': 'chat', 'indexes': [Index(fields=['case_id', 'id'])], 'pk_attr': 'id', 'table_description': 'What a moderator noted on a case, for moderators alone.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Notice',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('user_id', fields.UUIDField()),
                ('kind', fields.TextField(unique=False)),
                ('case_id', fields.UUIDField(db_index=True)),
                ('conversation_id', fields.UUIDField()),
                ('message_id', fields.UUIDField(db_index=True)),
                ('outcome', fields.TextField(unique=False)),
                ('explanation', fields.TextField(null=True, unique=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('read_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'notices', 'app': 'chat', 'indexes': [Index(fields=['user_id', 'id'])], 'pk_attr': 'id', 'table_description': 'What the platform tells one person about a decision; nobody else sees it.'},
            bases=['Model'],
        ),
        ops.RunSQL(_CONSTRAINTS, _FREE),
        ops.RunSQL(_MONTHS, ops.RunSQL.noop),
        ops.RunSQL(_MONTHS_THERE, ops.RunSQL.noop),
    ]
