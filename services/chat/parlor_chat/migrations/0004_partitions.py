"""Messages and receipts by month, so that expiry can drop a month instead of its rows.

The key of a month is the id: a UUIDv7 begins with the moment in which it was made, so ranges of ids
are ranges of time. That keeps `id` a primary key, finds a message by its id in one partition alone,
and puts the receipts of a message, which are ranged by `message_id`, in the same month as it.
`sent_at` comes a moment after the id, so at midnight the two may fall into different months; what
has to be exact (expiry) looks at `sent_at`.

One seq a conversation: the conversation's row lock hands them out, and each partition has a unique
index. What no month takes in goes to the DEFAULT partitions, so a send never fails for want of one.

The service's role owns nothing: it makes months ahead and drops them by two functions that run as
the owner, and can name nothing but a month to them.
"""

from importlib import import_module

from tortoise import migrations
from tortoise.migrations import operations as ops

_streams = import_module("parlor_chat.migrations.0002_streams")

_MONTHS = """
CREATE FUNCTION id_floor(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT rpad(
        lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0'), 32, '0'
    )::uuid
$$;
CREATE FUNCTION month_of(moment timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT date_trunc('month', moment AT TIME ZONE 'UTC')::date
$$;
CREATE FUNCTION month_begins(month date) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT month::timestamp AT TIME ZONE 'UTC'
$$;
CREATE VIEW message_months AS
SELECT month, (month + interval '1 month')::date AS next_month,
    id_floor(month_begins(month)) AS first_id,
    id_floor(month_begins((month + interval '1 month')::date)) AS end_id
FROM (
    SELECT to_date(substring(child.relname FROM '^messages_(\\d{4}_\\d\\d)$'), 'YYYY_MM') AS month
    FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
    WHERE inhparent = 'messages'::regclass
) AS named WHERE month IS NOT NULL;
"""

_PARTITIONED = """
ALTER TABLE messages RENAME TO messages_default;
ALTER TABLE receipts RENAME TO receipts_default;
ALTER INDEX messages_pkey RENAME TO messages_default_pkey;
ALTER INDEX receipts_pkey RENAME TO receipts_default_pkey;
DROP INDEX messages_sent_at;
CREATE TABLE messages (
    LIKE messages_default INCLUDING CONSTRAINTS, PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE TABLE receipts (
    LIKE receipts_default INCLUDING CONSTRAINTS, PRIMARY KEY (message_id, user_id)
) PARTITION BY RANGE (message_id);
ALTER TABLE messages ATTACH PARTITION messages_default DEFAULT;
ALTER TABLE receipts ATTACH PARTITION receipts_default DEFAULT;
"""

# A month that is missing may have rows in the DEFAULT partition, which move; nobody can read or
# write that one meanwhile. Without such rows this takes a moment and blocks no send.
_MAKE_MONTHS = """
CREATE FUNCTION make_message_months(first date, last date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wanted date;
    lower uuid;
    upper uuid;
    name text;
    made integer := 0;
BEGIN
    IF last > first + interval '100 years' THEN
        RAISE EXCEPTION 'too many months';
    END IF;
    PERFORM pg_advisory_xact_lock(1297044564);
    FOR wanted IN SELECT generate_series(
        date_trunc('month', first::timestamp), last::timestamp, interval '1 month')::date
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM message_months WHERE month = wanted);
        lower := id_floor(month_begins(wanted));
        upper := id_floor(month_begins((wanted + interval '1 month')::date));
        name := to_char(wanted, 'YYYY_MM');
        EXECUTE format('CREATE TABLE messages_%1$s (LIKE messages_default INCLUDING ALL)', name);
        EXECUTE format('CREATE TABLE receipts_%1$s (LIKE receipts_default INCLUDING ALL)', name);
        IF EXISTS (SELECT FROM messages_default WHERE id >= lower AND id < upper)
            OR EXISTS (SELECT FROM receipts_default
                WHERE message_id >= lower AND message_id < upper)
        THEN
            LOCK TABLE messages_default, receipts_default IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('WITH moved AS (DELETE FROM messages_default
                WHERE id >= $1 AND id < $2 RETURNING *)
                INSERT INTO messages_%1$s SELECT * FROM moved', name) USING lower, upper;
            EXECUTE format('WITH moved AS (DELETE FROM receipts_default
                WHERE message_id >= $1 AND message_id < $2 RETURNING *)
                INSERT INTO receipts_%1$s SELECT * FROM moved', name) USING lower, upper;
        END IF;
        EXECUTE format('ALTER TABLE messages ATTACH PARTITION messages_%1$s
            FOR VALUES FROM (%2$L) TO (%3$L)', name, lower, upper);
        EXECUTE format('ALTER TABLE receipts ATTACH PARTITION receipts_%1$s
            FOR VALUES FROM (%2$L) TO (%3$L)', name, lower, upper);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
CREATE FUNCTION drop_message_month(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    LOCK TABLE messages, receipts IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('DROP TABLE messages_%1$s, receipts_%1$s', to_char(month, 'YYYY_MM'));
END
$$;
REVOKE EXECUTE ON FUNCTION make_message_months, drop_message_month FROM PUBLIC;
"""

_FIRST_MONTHS = """
SELECT make_message_months(
    coalesce((SELECT month_of(min(sent_at)) FROM messages), month_of(now())),
    (month_of(now()) + interval '2 months')::date
)
"""

# Only its own month is opened, since `wanted` is known before the plan starts.
_KNOWN_MESSAGE = """
CREATE FUNCTION known_message(wanted uuid) RETURNS SETOF messages
LANGUAGE plpgsql STABLE STRICT ROWS 1 AS $$
BEGIN
    RETURN QUERY SELECT * FROM messages WHERE id = wanted;
END
$$
"""


def _edited(text: str, *edits: tuple[str, str]) -> str:
    """`text` with each first half of `edits` replaced by its second, wherever it stands."""
    for old, new in edits:
        if old not in text:
            raise ValueError(f"nothing to replace: {old}")
        text = text.replace(old, new)
    return text


_REPLACE = ("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")

_APPEND_MESSAGES = _edited(
    _streams._APPEND_MESSAGES,
    _REPLACE,
    (
        """LEFT JOIN LATERAL (
        SELECT m.* FROM messages m
        WHERE m.id = j.first_id AND j.outcome IN ('repeated', 'duplicate') LIMIT 1
    ) m ON true""",
        """LEFT JOIN LATERAL known_message(
        CASE WHEN j.outcome IN ('repeated', 'duplicate') THEN j.first_id END
    ) m ON true""",
    ),
)

# The span of the batch is known before the plans start, so that they open its months alone.
_APPEND_RECEIPTS = _edited(
    _streams._APPEND_RECEIPTS,
    _REPLACE,
    (
        "    moment_text text;\nBEGIN\n",
        """    moment_text text;
    first_id uuid;
    last_id uuid;
BEGIN
    SELECT ids[1], ids[cardinality(ids)] INTO first_id, last_id
    FROM (SELECT ARRAY(SELECT unnest(message_ids) ORDER BY 1) AS ids) AS sorted;
""",
    ),
    (
        "FROM messages m WHERE m.id = ANY (message_ids)",
        """FROM messages m
        WHERE m.id = ANY (message_ids) AND m.id BETWEEN first_id AND last_id""",
    ),
    (
        "SELECT m.* FROM messages m WHERE m.id = i.message_id LIMIT 1",
        """SELECT m.* FROM messages m
            WHERE m.id = i.message_id AND m.id BETWEEN first_id AND last_id LIMIT 1""",
    ),
    (
        "WHERE r.message_id = i.message_id AND r.user_id = i.user_id LIMIT 1",
        """WHERE r.message_id = i.message_id AND r.user_id = i.user_id
                AND r.message_id BETWEEN first_id AND last_id LIMIT 1""",
    ),
    (
        "AND r.message_id = j.message_id AND r.user_id = j.user_id",
        """AND r.message_id = j.message_id AND r.user_id = j.user_id
            AND r.message_id BETWEEN first_id AND last_id""",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("chat", "0003_retention")]
    initial = False

    operations = [
        ops.RunSQL(_PARTITIONED),
        ops.RunSQL(_MONTHS),
        ops.RunSQL(_MAKE_MONTHS),
        ops.RunSQL(_FIRST_MONTHS),
        ops.RunSQL(_KNOWN_MESSAGE),
        ops.RunSQL(_APPEND_MESSAGES.format(indexes_only=_streams._INDEXES_ONLY)),
        ops.RunSQL(_APPEND_RECEIPTS.format(indexes_only=_streams._INDEXES_ONLY)),
    ]
