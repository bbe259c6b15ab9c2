"""The hot path: its tables, and the two functions that are the only writers of them.

Each function is one statement and so one transaction: lock the conversations in the order of their
ids, look up what the caller may do, hand out seqs, write rows, events and counters. The lookups
come in a second statement, after the locks, so that they see what the last holder committed. The
id of a message is also the id of its event `message.sent`: one less to make, and one to search by.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

_TABLES = """
CREATE TABLE messages (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    event_seq bigint NOT NULL,
    sender_id uuid,
    kind text NOT NULL CHECK (kind IN ('user', 'system')),
    body text NOT NULL,
    client_message_id text,
    sent_at timestamptz NOT NULL,
    archived_at timestamptz,
    CHECK ((kind = 'user') = (sender_id IS NOT NULL)),
    UNIQUE (conversation_id, seq),
    UNIQUE (conversation_id, event_seq)
);
CREATE TABLE receipts (
    message_id uuid NOT NULL,
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    delivered_at timestamptz NOT NULL,
    read_at timestamptz,
    delivered_event_seq bigint NOT NULL,
    read_event_seq bigint,
    CHECK ((read_at IS NULL) = (read_event_seq IS NULL)),
    PRIMARY KEY (message_id, user_id),
    UNIQUE (conversation_id, delivered_event_seq),
    UNIQUE (conversation_id, read_event_seq)
);
CREATE TABLE message_keys (
    conversation_id uuid NOT NULL,
    sender_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('client', 'idempotency')),
    key text NOT NULL,
    message_id uuid NOT NULL,
    digest bytea,
    created boolean NOT NULL,
    PRIMARY KEY (conversation_id, sender_id, kind, key)
);
ALTER TABLE conversations
    SET (fillfactor = 50),
    ADD CHECK (kind IN ('direct', 'group')),
    ADD CHECK (status IN ('open', 'closed')),
    ADD CHECK ((kind = 'direct') = (direct_key IS NOT NULL)),
    ADD CHECK (0 <= last_seq AND last_seq <= event_seq);
"""

# A plan is made once and kept, often while the tables are still empty; only look-ups by key are
# right then and later. LATERAL with LIMIT leaves the planner no other way to join.
_INDEXES_ONLY = """
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
    SET enable_bitmapscan = off SET enable_material = off SET jit = off
    SET plan_cache_mode = force_generic_plan
"""

_APPEND_MESSAGES = """
CREATE FUNCTION append_messages(
    conversation_ids uuid[],
    sender_ids uuid[],
    bodies text[],
    client_keys text[],
    idempotency_keys text[],
    digests bytea[],
    message_ids uuid[],
    request_ids text[],
    traceparents text[]
) RETURNS TABLE (
    outcome text,
    message_id uuid,
    seq bigint,
    event_seq bigint,
    epoch text,
    sender_id uuid,
    body text,
    client_message_id text,
    sent_at timestamptz
) LANGUAGE plpgsql ROWS 100 {indexes_only} AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    moment_text text;
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    PERFORM FROM conversations c WHERE c.id = ANY (conversation_ids)
        ORDER BY c.id FOR NO KEY UPDATE;
    moment := clock_timestamp();
    moment_text := to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    PERFORM pg_notify('outbox', '');
    RETURN QUERY
    WITH item AS MATERIALIZED (
        SELECT i.*, coalesce(i.sender_id, nobody) AS actor_id
        FROM unnest(
            conversation_ids, sender_ids, bodies, client_keys, idempotency_keys, digests,
            message_ids, request_ids, traceparents
        ) WITH ORDINALITY AS i (
            conversation_id, sender_id, body, client_key, idempotency_key, digest,
            message_id, request_id, traceparent, pos
        )
    ), known AS (
        SELECT i.*, c.epoch, c.last_seq, c.event_seq,
            ik.message_id IS NOT NULL AS key_known,
            coalesce(ik.message_id, ck.message_id) AS first_id,
            CASE
                WHEN c.id IS NULL THEN 'not_found'
                WHEN i.sender_id IS NOT NULL AND p.user_id IS NULL THEN 'not_found'
                WHEN ik.message_id IS NOT NULL AND ik.digest IS DISTINCT FROM i.digest
                    THEN 'key_reused'
                WHEN ik.created THEN 'repeated'
                WHEN ik.message_id IS NOT NULL OR ck.message_id IS NOT NULL THEN 'duplicate'
                WHEN c.status <> 'open' THEN 'not_entitled'
                ELSE 'created'
            END AS outcome
        FROM item i
        LEFT JOIN LATERAL (
            SELECT c.* FROM conversations c WHERE c.id = i.conversation_id LIMIT 1
        ) c ON true
        LEFT JOIN LATERAL (
            SELECT p.user_id FROM participants p
            WHERE p.conversation_id = i.conversation_id AND p.user_id = i.sender_id LIMIT 1
        ) p ON true
        LEFT JOIN LATERAL (
            SELECT k.* FROM message_keys k
            WHERE k.conversation_id = i.conversation_id AND k.sender_id = i.actor_id
                AND k.kind = 'idempotency' AND k.key = i.idempotency_key LIMIT 1
        ) ik ON true
        LEFT JOIN LATERAL (
            SELECT k.* FROM message_keys k
            WHERE k.conversation_id = i.conversation_id AND k.sender_id = i.actor_id
                AND k.kind = 'client' AND k.key = i.client_key LIMIT 1
        ) ck ON true
    ), judged AS MATERIALIZED (
        SELECT k.*, count(*) FILTER (WHERE k.outcome = 'created')
            OVER (PARTITION BY k.conversation_id ORDER BY k.pos) AS step
        FROM known k
    ), counted AS (
        UPDATE conversations c
        SET last_seq = c.last_seq + f.steps, event_seq = c.event_seq + f.steps
        FROM (
            SELECT conversation_id, max(step) AS steps FROM judged
            WHERE outcome = 'created' GROUP BY conversation_id
        ) f
        WHERE c.id = f.conversation_id
    ), written AS (
        INSERT INTO messages
            (id, conversation_id, seq, event_seq, sender_id, kind, body, client_message_id, sent_at)
        SELECT message_id, conversation_id, last_seq + step, event_seq + step, sender_id,
            CASE WHEN sender_id IS NULL THEN 'system' ELSE 'user' END, body, client_key, moment
        FROM judged WHERE outcome = 'created'
    ), keyed AS (
        INSERT INTO message_keys
            (conversation_id, sender_id, kind, key, message_id, digest, created)
        SELECT conversation_id, actor_id, 'client', client_key, message_id, NULL, true
        FROM judged WHERE outcome = 'created' AND client_key IS NOT NULL
        UNION ALL
        SELECT conversation_id, actor_id, 'idempotency', idempotency_key,
            coalesce(first_id, message_id), digest, outcome = 'created'
        FROM judged
        WHERE idempotency_key IS NOT NULL AND NOT key_known AND outcome IN ('created', 'duplicate')
    ), announced AS (
        INSERT INTO outbox (event_id, topic, key, type, data, time, request_id, traceparent)
        SELECT message_id, 'chat.events', conversation_id::text, 'message.sent',
            concat('{{"conversation_id":"', conversation_id,
                '","epoch":"', epoch,
                '","event_seq":', event_seq + step,
                ',"message_id":"', message_id,
                '","seq":', last_seq + step,
                ',"sender_id":', '"' || sender_id::text || '"',
                CASE WHEN sender_id IS NULL THEN 'null,"kind":"system"' ELSE ',"kind":"user"' END,
                ',"sent_at":"', moment_text, '"}}'),
            moment, request_id, traceparent
        FROM judged WHERE outcome = 'created' ORDER BY pos
    )
    SELECT
        j.outcome,
        coalesce(m.id, j.message_id),
        CASE WHEN j.outcome = 'created' THEN j.last_seq + j.step ELSE m.seq END,
        CASE WHEN j.outcome = 'created' THEN j.event_seq + j.step ELSE m.event_seq END,
        j.epoch,
        m.sender_id,
        m.body,
        m.client_message_id,
        CASE WHEN j.outcome = 'created' THEN moment ELSE m.sent_at END
    FROM judged j
    LEFT JOIN LATERAL (
        SELECT m.* FROM messages m
        WHERE m.id = j.first_id AND j.outcome IN ('repeated', 'duplicate') LIMIT 1
    ) m ON true
    ORDER BY j.pos;
END
$$
"""

_APPEND_RECEIPTS = """
CREATE FUNCTION append_receipts(
    message_ids uuid[],
    user_ids uuid[],
    is_read boolean[],
    delivered_event_ids uuid[],
    read_event_ids uuid[],
    request_ids text[],
    traceparents text[]
) RETURNS TABLE (
    outcome text,
    conversation_id uuid,
    delivered_at timestamptz,
    read_at timestamptz,
    delivered_event_seq bigint,
    read_event_seq bigint
) LANGUAGE plpgsql ROWS 100 {indexes_only} AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    moment_text text;
BEGIN
    PERFORM FROM conversations c WHERE c.id IN (
        SELECT m.conversation_id FROM messages m WHERE m.id = ANY (message_ids)
    ) ORDER BY c.id FOR NO KEY UPDATE;
    moment := clock_timestamp();
    moment_text := to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    PERFORM pg_notify('outbox', '');
    RETURN QUERY
    WITH item AS MATERIALIZED (
        SELECT * FROM unnest(
            message_ids, user_ids, is_read, delivered_event_ids, read_event_ids,
            request_ids, traceparents
        ) WITH ORDINALITY AS i (
            message_id, user_id, is_read, delivered_event_id, read_event_id,
            request_id, traceparent, pos
        )
    ), known AS (
        SELECT i.*, m.conversation_id, c.epoch, c.event_seq, r.delivered_at, r.read_at,
            CASE
                WHEN m.id IS NULL OR m.archived_at IS NOT NULL OR p.user_id IS NULL
                    THEN 'not_found'
                WHEN m.sender_id = i.user_id THEN 'not_a_recipient'
                WHEN r.delivered_at IS NULL OR i.is_read AND r.read_at IS NULL THEN 'created'
                ELSE 'unchanged'
            END AS outcome
        FROM item i
        LEFT JOIN LATERAL (
            SELECT m.* FROM messages m WHERE m.id = i.message_id LIMIT 1
        ) m ON true
        LEFT JOIN LATERAL (
            SELECT c.* FROM conversations c WHERE c.id = m.conversation_id LIMIT 1
        ) c ON true
        LEFT JOIN LATERAL (
            SELECT p.user_id FROM participants p
            WHERE p.conversation_id = m.conversation_id AND p.user_id = i.user_id LIMIT 1
        ) p ON true
        LEFT JOIN LATERAL (
            SELECT r.* FROM receipts r
            WHERE r.message_id = i.message_id AND r.user_id = i.user_id LIMIT 1
        ) r ON true
    ), news AS (
        SELECT k.*,
            k.outcome = 'created' AND k.delivered_at IS NULL AS delivers,
            k.outcome = 'created' AND k.is_read AND k.read_at IS NULL AS reads
        FROM known k
    ), stepped AS (
        SELECT n.*,
            sum(n.delivers::int + n.reads::int)
                OVER (PARTITION BY n.conversation_id ORDER BY n.pos) AS steps
        FROM news n
    ), judged AS MATERIALIZED (
        SELECT s.*,
            CASE WHEN s.delivers THEN s.event_seq + s.steps - s.reads::int END AS delivered_seq,
            CASE WHEN s.reads THEN s.event_seq + s.steps END AS read_seq
        FROM stepped s
    ), counted AS (
        UPDATE conversations c SET event_seq = e.last
        FROM (
            SELECT conversation_id, max(greatest(delivered_seq, read_seq)) AS last
            FROM judged WHERE outcome = 'created' GROUP BY conversation_id
        ) e
        WHERE c.id = e.conversation_id
    ), received AS (
        INSERT INTO receipts (message_id, user_id, conversation_id, delivered_at, read_at,
            delivered_event_seq, read_event_seq)
        SELECT message_id, user_id, conversation_id, moment,
            CASE WHEN is_read THEN moment END, delivered_seq, read_seq
        FROM judged WHERE delivers
    ), opened AS (
        UPDATE receipts r SET read_at = moment, read_event_seq = j.read_seq
        FROM judged j
        WHERE j.reads AND NOT j.delivers
            AND r.message_id = j.message_id AND r.user_id = j.user_id
    ), announced AS (
        INSERT INTO outbox (event_id, topic, key, type, data, time, request_id, traceparent)
        SELECT event_id, 'chat.events', conversation_id::text, type,
            concat('{{"conversation_id":"', conversation_id,
                '","epoch":"', epoch,
                '","event_seq":', at_seq,
                ',"message_id":"', message_id,
                '","user_id":"', user_id,
                '","at":"', moment_text, '"}}'),
            moment, request_id, traceparent
        FROM (
            SELECT j.*, j.delivered_event_id AS event_id, 'message.delivered' AS type,
                j.delivered_seq AS at_seq
            FROM judged j WHERE j.delivers
            UNION ALL
            SELECT j.*, j.read_event_id, 'message.read', j.read_seq
            FROM judged j WHERE j.reads
        ) e ORDER BY pos, at_seq
    )
    SELECT
        j.outcome,
        j.conversation_id,
        CASE WHEN j.delivers THEN moment ELSE j.delivered_at END,
        CASE WHEN j.reads THEN moment ELSE j.read_at END,
        j.delivered_seq::bigint,
        j.read_seq::bigint
    FROM judged j ORDER BY j.pos;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_initial")]
    initial = False

    operations = [
        ops.RunSQL(
            _TABLES,
            "DROP TABLE message_keys; DROP TABLE receipts; DROP TABLE messages;",
        ),
        ops.RunSQL(
            _APPEND_MESSAGES.format(indexes_only=_INDEXES_ONLY), "DROP FUNCTION append_messages"
        ),
        ops.RunSQL(
            _APPEND_RECEIPTS.format(indexes_only=_INDEXES_ONLY), "DROP FUNCTION append_receipts"
        ),
    ]
