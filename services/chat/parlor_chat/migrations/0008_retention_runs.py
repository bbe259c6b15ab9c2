"""Runs that can be taken up where they were left, retention policies, and signed manifests.

A policy of a distributor holds for every conversation that ever rested on that distributor, also
when the relationship is over; so `conversation_distributors` only grows, by a trigger on `grounds`.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_RUNS = """
ALTER TABLE archive_expiry_runs
    ADD CHECK (attempts >= 0 AND next_number >= 0),
    ADD CHECK ((cancel_requested_at IS NULL) = (cancel_requested_by IS NULL)),
    ADD CHECK (state IN ('running', 'finished', 'cancelled', 'interrupted')),
    DROP CONSTRAINT archive_expiry_runs_state_check;
CREATE TABLE archive_expiry_drafts (
    run_id uuid NOT NULL,
    number integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (run_id, number)
);
ALTER FUNCTION make_message_months SET lock_timeout = '500ms';
ALTER FUNCTION drop_message_month SET lock_timeout = '40ms';
ALTER TABLE archive_expiry_drafts ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE TABLE archive_expiry_kept (
    run_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    hold_ids uuid[] NOT NULL,
    messages bigint NOT NULL,
    oldest timestamptz NOT NULL,
    newest timestamptz NOT NULL,
    PRIMARY KEY (run_id, conversation_id)
);
"""

_POLICIES = """
CREATE TABLE retention_policies (
    id uuid PRIMARY KEY,
    scope text NOT NULL CHECK (scope IN ('global', 'distributor', 'conversation')),
    distributor_id uuid UNIQUE,
    conversation_id uuid UNIQUE,
    archive_after interval NOT NULL,
    expire_after interval NOT NULL,
    reason text NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    CHECK (interval '0' < archive_after AND archive_after <= expire_after),
    CHECK ((scope = 'distributor') = (distributor_id IS NOT NULL)),
    CHECK ((scope = 'conversation') = (conversation_id IS NOT NULL))
);
CREATE UNIQUE INDEX retention_policies_one_global ON retention_policies (scope)
    WHERE scope = 'global';
CREATE TABLE conversation_distributors (
    conversation_id uuid NOT NULL,
    distributor_id uuid NOT NULL,
    PRIMARY KEY (conversation_id, distributor_id)
);
CREATE INDEX conversation_distributors_back
    ON conversation_distributors (distributor_id, conversation_id);
INSERT INTO conversation_distributors SELECT conversation_id, distributor_id FROM grounds;
CREATE FUNCTION keep_distributor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO conversation_distributors VALUES (NEW.conversation_id, NEW.distributor_id)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_distributor AFTER INSERT ON grounds
    FOR EACH ROW EXECUTE FUNCTION keep_distributor();
"""


class Migration(migrations.Migration):
    dependencies = [("chat", "0007_exports")]
    initial = False

    operations = [
        ops.AddField("ArchiveExpiryRun", "ordered", fields.BooleanField(default=False)),
        ops.AddField("ArchiveExpiryRun", "cursor_month", fields.DateField(null=True)),
        ops.AddField("ArchiveExpiryRun", "cursor_conversation_id", fields.UUIDField(null=True)),
        ops.AddField("ArchiveExpiryRun", "cursor_seq", fields.BigIntField(default=0)),
        ops.AddField("ArchiveExpiryRun", "next_number", fields.IntField(default=0)),
        ops.AddField("ArchiveExpiryRun", "attempts", fields.IntField(default=0)),
        ops.AddField("ArchiveExpiryRun", "months", fields.IntField(default=0)),
        ops.AddField("ArchiveExpiryRun", "months_done", fields.IntField(default=0)),
        ops.AddField("ArchiveExpiryRun", "months_dropped", fields.IntField(default=0)),
        ops.AddField("ArchiveExpiryRun", "month_planned", fields.BigIntField(default=0)),
        ops.AddField("ArchiveExpiryRun", "month_decided", fields.BigIntField(default=0)),
        ops.AddField("ArchiveExpiryRun", "cancel_requested_at", fields.DatetimeField(null=True)),
        ops.AddField("ArchiveExpiryRun", "cancel_requested_by", fields.TextField(null=True)),
        ops.CreateModel(
            name="ArchiveExpiryManifest",
            fields=[
                (
                    "number",
                    fields.BigIntField(
                        generated=False, primary_key=True, unique=True, db_index=True
                    ),
                ),
                ("run_id", fields.UUIDField(unique=True)),
                ("sha256", fields.TextField(unique=False)),
                ("envelope", fields.TextField(unique=False)),
            ],
            options={"table": "archive_expiry_manifests", "app": "chat", "pk_attr": "number"},
            bases=["Model"],
        ),
        ops.RunSQL(_RUNS),
        ops.RunSQL(_POLICIES),
    ]
