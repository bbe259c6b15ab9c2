"""The audit log becomes a chain that the database forges, with signed heads; holds get a grace.

Each record is chained at the commit of its transaction, by a deferred trigger that runs as the
owner: the service's role can add records but can say nothing about their place, and can change
none. One advisory lock orders the commits. It is taken last, for the moment of a commit alone, so
nobody waits in a circle, and only transactions that write audit records ever meet there.

A record's hash is the SHA-256 of its canonical JSON (RFC 8785) as `audit_content` writes it, with
the hash of the record before it inside.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# "AUDI". At READ COMMITTED each statement after the lock sees what the last holder committed. At
# stricter levels it may not; then the place is taken already, and the transaction can be repeated.
_CHAIN = """
CREATE FUNCTION audit_content(r audit_records, place bigint, previous text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT concat(
        '{"action":', to_json(r.action),
        ',"actor":', to_json(r.actor),
        ',"at":"', to_char(r.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '"',
        ',"conversation_id":', coalesce(to_json(r.conversation_id)::text, 'null'),
        ',"details":', r.details,
        ',"hold_id":', coalesce(to_json(r.hold_id)::text, 'null'),
        ',"matter":', coalesce(to_json(r.matter)::text, 'null'),
        ',"position":', place,
        ',"previous_sha256":', to_json(previous),
        ',"reason":', coalesce(to_json(r.reason)::text, 'null'),
        ',"request_id":', to_json(r.request_id),
        ',"role":', to_json(r.role),
        ',"run_id":', coalesce(to_json(r.run_id)::text, 'null'),
        ',"user_id":', coalesce(to_json(r.user_id)::text, 'null'),
        '}')
$$;
CREATE FUNCTION chain_audit_record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    place bigint;
    previous text;
BEGIN
    PERFORM pg_advisory_xact_lock(1096107081);
    SELECT r.position + 1, r.sha256 INTO place, previous FROM audit_records r
        WHERE r.position IS NOT NULL ORDER BY r.position DESC LIMIT 1;
    place := coalesce(place, 1);
    previous := coalesce(previous, repeat('0', 64));
    UPDATE audit_records r SET
        position = place,
        previous_sha256 = previous,
        sha256 = encode(sha256(convert_to(audit_content(r, place, previous), 'UTF8')), 'hex')
    WHERE r.id = NEW.id;
    RETURN NULL;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'another audit record came first' USING ERRCODE = 'serialization_failure';
END
$$;
CREATE FUNCTION unchained_audit_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.position := NULL;
    NEW.previous_sha256 := NULL;
    NEW.sha256 := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER unchained BEFORE INSERT ON audit_records
    FOR EACH ROW EXECUTE FUNCTION unchained_audit_record();
CREATE CONSTRAINT TRIGGER chained AFTER INSERT ON audit_records
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chain_audit_record();
"""

# What was recorded before there was a chain becomes its beginning, in the order of its ids.
_CHAIN_THE_PAST = """
DO $$
DECLARE
    r audit_records;
    place bigint := 0;
    previous text := repeat('0', 64);
    hash text;
BEGIN
    FOR r IN SELECT * FROM audit_records ORDER BY id LOOP
        place := place + 1;
        hash := encode(sha256(convert_to(audit_content(r, place, previous), 'UTF8')), 'hex');
        UPDATE audit_records SET position = place, previous_sha256 = previous, sha256 = hash
            WHERE id = r.id;
        previous := hash;
    END LOOP;
END
$$
"""

_INDEXES = """
CREATE INDEX audit_records_by_actor ON audit_records (actor, position);
CREATE INDEX audit_records_by_action ON audit_records (action text_pattern_ops, position);
CREATE INDEX audit_records_by_matter ON audit_records (matter, position);
CREATE INDEX audit_records_by_time ON audit_records (at);
"""

_FREE = """
DROP TRIGGER chained ON audit_records;
DROP TRIGGER unchained ON audit_records;
DROP FUNCTION chain_audit_record;
DROP FUNCTION unchained_audit_record;
DROP FUNCTION audit_content;
"""

# What was released before there was a grace had none.
_GRACE = "UPDATE holds SET protects_until = released_at WHERE released_at IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_partitions")]
    initial = False

    operations = [
        ops.AddField("Hold", "protects_until", fields.DatetimeField(null=True)),
        ops.RunSQL(_GRACE, ops.RunSQL.noop),
        ops.AddField("AuditRecord", "user_id", fields.UUIDField(null=True, db_index=True)),
        ops.AddField("AuditRecord", "matter", fields.TextField(null=True)),
        ops.AddField("AuditRecord", "position", fields.BigIntField(null=True, unique=True)),
        ops.AddField("AuditRecord", "previous_sha256", fields.TextField(null=True)),
        ops.AddField("AuditRecord", "sha256", fields.TextField(null=True)),
        ops.CreateModel(
            name="AuditHead",
            fields=[
                (
                    "number",
                    fields.BigIntField(
                        generated=False, primary_key=True, unique=True, db_index=True
                    ),
                ),
                ("position", fields.BigIntField()),
                ("sha256", fields.TextField(unique=False)),
                ("signed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("payload_sha256", fields.TextField(unique=False)),
                ("envelope", fields.TextField(unique=False)),
            ],
            options={"table": "audit_heads", "app": "chat", "pk_attr": "number"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EvidenceKey",
            fields=[
                (
                    "kid",
                    fields.CharField(
                        primary_key=True, unique=True, db_index=True, max_length=32
                    ),
                ),
                ("public_key", fields.BinaryField()),
                ("introduced_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "evidence_keys", "app": "chat", "pk_attr": "kid"},
            bases=["Model"],
        ),
        ops.RunSQL(_CHAIN, _FREE),
        ops.RunSQL(_CHAIN_THE_PAST, ops.RunSQL.noop),
        ops.RunSQL(_INDEXES, ops.RunSQL.noop),
    ]
