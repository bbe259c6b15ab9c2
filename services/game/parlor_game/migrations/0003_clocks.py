"""Clocks of tables: deadlines and reserves, written with each play; and the heartbeat of all clocks.

A table's `deadline` is when something becomes of it by itself, `alarm_at` a moment not after that
at which a ticker looks. Plays move the deadline and leave the alarm, which has an index, so that a
play need not touch that; an alarm that rings too early is set again.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

# The defaults are for games that are there, and for those that an older replica deals meanwhile.
COLUMNS = """
ALTER TABLE games
    ALTER COLUMN turn_ms SET DEFAULT 259200000,
    ALTER COLUMN unattended SET DEFAULT 0,
    ALTER COLUMN deadline SET DEFAULT now() + interval '3 days',
    ALTER COLUMN alarm_at SET DEFAULT now() + interval '3 days';
ALTER TABLE game_players ALTER COLUMN reserve_ms SET DEFAULT 0;
UPDATE games SET turn_ms = DEFAULT, unattended = DEFAULT;
UPDATE games SET deadline = DEFAULT, alarm_at = DEFAULT WHERE status = 'active';
UPDATE game_players SET reserve_ms = DEFAULT;
ALTER TABLE games ALTER COLUMN turn_ms SET NOT NULL, ALTER COLUMN unattended SET NOT NULL;
ALTER TABLE game_players ALTER COLUMN reserve_ms SET NOT NULL;
ALTER TABLE games ADD CONSTRAINT games_clock CHECK (
    status <> 'active' OR (deadline IS NOT NULL AND alarm_at IS NOT NULL));
CREATE INDEX games_alarms ON games (alarm_at) WHERE alarm_at IS NOT NULL;
-- One row: when any replica last looked after the clocks.
CREATE TABLE game_clock (
    ticked_at timestamptz NOT NULL,
    one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO game_clock (ticked_at) VALUES (clock_timestamp());
"""

COMMIT_PLAYS = """
DROP FUNCTION commit_plays(
    uuid[], int[], int[], uuid[], text[], text[], bytea[], timestamptz[], int[], uuid[], text[],
    text[], text[], bytea[], uuid[], uuid[], text[], text[], text[], int[], int[], text[], text[],
    text[], int[], int[], int[], int[]);
-- Commits plays of different games in one transaction. A play counts only if no move was made
-- since the state that it was computed on, and the clock has not been set anew; each play that
-- counts gives back one row. The head of the log and the clock after it were computed on that same
-- state, so they fit whenever the play counts.
CREATE FUNCTION commit_plays(
    game_ids uuid[], numbers int[], seats int[], user_ids uuid[], plays text[],
    made_bys text[], heads bytea[], ats timestamptz[], event_counts int[], turns uuid[],
    deadlines_before timestamptz[], deadlines timestamptz[], reserves int[],
    statuses text[], winners text[],
    keys text[], digests bytea[], advanced_ids uuid[], finished_ids uuid[], finished_data text[],
    request_ids text[], traceparents text[],
    event_plays int[], event_positions int[], event_types text[], event_public text[],
    event_private text[],
    result_plays int[], result_seats int[], result_scores int[], result_ranks int[]
) RETURNS TABLE (
    play int, last_seq bigint, connected boolean[], reconnect_by timestamptz[]
) LANGUAGE plpgsql
-- A plan made while the tables were small must not scan them when they have grown.
SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    -- Always in the order of ids, so that two batches cannot wait for each other.
    PERFORM 1 FROM games WHERE id = ANY(game_ids) ORDER BY id FOR UPDATE;
    RETURN QUERY
    WITH wanted AS (
        SELECT * FROM unnest(
            game_ids, numbers, seats, user_ids, plays, made_bys, heads, ats, event_counts, turns,
            deadlines_before, deadlines, reserves,
            statuses, winners, keys, digests, advanced_ids, finished_ids, finished_data,
            request_ids, traceparents
        ) WITH ORDINALITY AS w(
            game_id, number, seat, user_id, move, made_by, head, at, event_count, turn,
            deadline_before, deadline, reserve,
            status, winner_ids, key, digest, advanced_id, finished_id, finished_data, request_id,
            traceparent, play
        )
    ), moved AS (
        UPDATE games SET
            seq = games.seq + w.event_count,
            move_seq = games.seq + w.event_count,
            move_count = w.number,
            head = w.head,
            head_number = w.number,
            turn_user_id = w.turn,
            deadline = w.deadline,
            alarm_at = CASE WHEN w.status = 'active' THEN LEAST(games.alarm_at, w.deadline, (
                SELECT p.reconnect_by FROM game_players p
                WHERE p.user_id = w.turn AND p.game_id = w.game_id
            )) END,
            unattended = CASE WHEN w.made_by = 'player' THEN 0 ELSE games.unattended + 1 END,
            status = w.status,
            winner_ids = w.winner_ids,
            finished_at = CASE WHEN w.status <> 'active' THEN w.at END
        FROM wanted w
        WHERE games.id = w.game_id AND games.move_count = w.number - 1 AND games.status = 'active'
            AND games.deadline IS NOT DISTINCT FROM w.deadline_before
        RETURNING w.*, games.seq AS last_seq, games.epoch
    ), logged AS (
        INSERT INTO game_moves (game_id, number, seat, user_id, play, made_by, hash, seq, played_at)
        SELECT game_id, number, seat, user_id, move, made_by, head, last_seq, at FROM moved
    ), told AS (
        INSERT INTO game_events (game_id, seq, at, type, public, private)
        SELECT m.game_id, m.last_seq - m.event_count + e.position, m.at, e.type, e.public, e.private
        FROM unnest(event_plays, event_positions, event_types, event_public, event_private)
            AS e(play, position, type, public, private)
        JOIN moved m ON m.play = e.play
    ), keyed AS (
        INSERT INTO play_keys (game_id, user_id, key, digest, seq)
        SELECT game_id, user_id, key, digest, last_seq FROM moved WHERE key IS NOT NULL
    ), timed AS (
        -- Whoever plays is here, by whatever door. Most plays change nothing of this.
        UPDATE game_players p SET
            reserve_ms = m.reserve,
            reconnect_by = CASE WHEN m.made_by <> 'player' THEN p.reconnect_by END
        FROM moved m
        WHERE m.status = 'active' AND p.game_id = m.game_id AND p.seat = m.seat
            AND (p.reserve_ms <> m.reserve OR m.made_by = 'player' AND p.reconnect_by IS NOT NULL)
    ), scored AS (
        UPDATE game_players SET score = r.score, rank = r.rank, reconnect_by = NULL
        FROM unnest(result_plays, result_seats, result_scores, result_ranks)
            AS r(play, seat, score, rank)
        JOIN moved m ON m.play = r.play
        WHERE game_players.game_id = m.game_id AND game_players.seat = r.seat
    ), announced AS (
        INSERT INTO outbox (event_id, topic, key, type, data, time, request_id, traceparent)
        SELECT event_id, 'game.events', game_id::text, type, data, at, request_id, traceparent
        FROM (
            SELECT play, 1 AS position, advanced_id AS event_id, game_id, 'game.advanced' AS type,
                format('{"game_id":"%s","seq":%s,"epoch":"%s"}', game_id, last_seq, epoch) AS data,
                at, request_id, traceparent
            FROM moved
            UNION ALL
            SELECT play, 2, finished_id, game_id, 'game.finished', finished_data,
                at, request_id, traceparent
            FROM moved WHERE finished_id IS NOT NULL
        ) AS events
        ORDER BY play, position
    )
    -- What is seen here of the players is as it was before: the mover, who is back, apart.
    SELECT m.play::int, m.last_seq, seats.connected, seats.reconnect_by
    FROM moved m, LATERAL (
        SELECT array_agg(p.connected ORDER BY p.seat) AS connected,
            array_agg(
                CASE WHEN m.status = 'active' AND (m.made_by <> 'player' OR p.seat <> m.seat)
                THEN p.reconnect_by END ORDER BY p.seat) AS reconnect_by
        FROM game_players p WHERE p.game_id = m.game_id
    ) AS seats;
    PERFORM pg_notify('outbox', '');
END $$;
"""

PRESENCE = """
CREATE FUNCTION rfc3339(moment timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- Records that a connection of a player has begun or ended, or neither; makes the player's
-- `connected` agree with what is left, and tells the stream if that changed. The seat of a player
-- who has left is kept until `keep_until`. Gives back the stream's new seq, or null when nothing
-- changed.
CREATE FUNCTION settle_presence(
    of_game uuid, of_user uuid, begun uuid, on_replica uuid, ended uuid,
    at timestamptz, keep_until timestamptz, event_id uuid, request_id text, traceparent text
) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    present boolean;
    its_seat int;
    new_seq bigint;
    its_epoch text;
    its_status text;
    kept_until timestamptz;
    told text := '';
BEGIN
    -- First of all, so that a sweep and a renewal of the same game cannot miss each other.
    SELECT status INTO its_status FROM games WHERE id = of_game FOR UPDATE;
    IF begun IS NOT NULL THEN
        INSERT INTO game_connections (id, game_id, user_id, replica_id)
        VALUES (begun, of_game, of_user, on_replica) ON CONFLICT (id) DO NOTHING;
    END IF;
    DELETE FROM game_connections WHERE id = ended;
    present := EXISTS (
        SELECT 1 FROM game_connections c WHERE c.game_id = of_game AND c.user_id = of_user
    );
    kept_until := CASE WHEN NOT present AND its_status = 'active' THEN keep_until END;
    UPDATE game_players p SET connected = present, reconnect_by = kept_until
    WHERE p.game_id = of_game AND p.user_id = of_user AND p.connected <> present
    RETURNING p.seat INTO its_seat;
    IF its_seat IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE games SET
        seq = seq + 1,
        alarm_at = CASE WHEN turn_user_id = of_user THEN LEAST(alarm_at, kept_until)
            ELSE alarm_at END
    WHERE id = of_game RETURNING seq, epoch INTO new_seq, its_epoch;
    IF NOT present THEN
        told := CASE WHEN kept_until IS NULL THEN ',"reconnect_by":null,"seconds_left":null' ELSE
            format(',"reconnect_by":"%s","seconds_left":%s', rfc3339(kept_until),
                trim_scale(extract(epoch FROM kept_until - at))) END;
    END IF;
    INSERT INTO game_events (game_id, seq, at, type, public)
    SELECT of_game, new_seq, at, kind,
        format('{"type":"%s","seat":%s,"user_id":"%s"%s}', kind, its_seat, of_user, told)
    FROM (SELECT CASE WHEN present THEN 'player.connected' ELSE 'player.disconnected' END) AS k(kind);
    INSERT INTO outbox (event_id, topic, key, type, data, time, request_id, traceparent)
    VALUES (event_id, 'game.events', of_game::text, 'game.advanced',
        format('{"game_id":"%s","seq":%s,"epoch":"%s"}', of_game, new_seq, its_epoch),
        at, request_id, traceparent);
    PERFORM pg_notify('outbox', '');
    RETURN new_seq;
END $$;
"""

CLOCKS = """
-- Moves every moment that somebody waits for on by `gap`, for which no replica was there, and tells
-- each table.
CREATE FUNCTION stop_game_clocks(gap interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- In the order of ids, as plays are committed.
    PERFORM 1 FROM games WHERE alarm_at IS NOT NULL ORDER BY id FOR UPDATE;
    UPDATE game_players p SET reconnect_by = p.reconnect_by + gap
    FROM games g
    WHERE g.alarm_at IS NOT NULL AND p.game_id = g.id AND p.reconnect_by IS NOT NULL;
    WITH moved AS (
        UPDATE games SET deadline = deadline + gap, alarm_at = alarm_at + gap, seq = seq + 1
        WHERE alarm_at IS NOT NULL AND status = 'active'
        RETURNING id, seq, epoch, deadline
    ), told AS (
        INSERT INTO game_events (game_id, seq, at, type, public)
        SELECT id, seq, clock_timestamp(), 'game.clock', format(
            '{"type":"game.clock","deadline":"%s","stopped_seconds":%s,"reconnect_by":%s}',
            rfc3339(deadline), trim_scale(extract(epoch FROM gap)),
            COALESCE((
                SELECT json_object_agg(p.user_id, rfc3339(p.reconnect_by)) FROM game_players p
                WHERE p.game_id = moved.id AND p.reconnect_by IS NOT NULL
            ), '{}'))
        FROM moved
    )
    INSERT INTO outbox (event_id, topic, key, type, data, time)
    SELECT gen_random_uuid(), 'game.events', id::text, 'game.advanced',
        format('{"game_id":"%s","seq":%s,"epoch":"%s"}', id, seq, epoch), clock_timestamp()
    FROM moved ORDER BY id;
    PERFORM pg_notify('outbox', '');
END $$;

-- Says that a replica looks after the clocks, and gives the moment up to which they have run. If
-- nobody did for longer than `longest`, they have stood still since.
CREATE FUNCTION beat_game_clock(longest interval) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    last timestamptz;
BEGIN
    SELECT ticked_at INTO last FROM game_clock;
    IF moment < last + interval '300 milliseconds' THEN
        RETURN moment;
    END IF;
    SELECT ticked_at INTO last FROM game_clock FOR UPDATE;
    moment := clock_timestamp();
    IF moment > last + longest THEN
        PERFORM stop_game_clocks(date_trunc('milliseconds', moment - last));
    END IF;
    UPDATE game_clock SET ticked_at = clock_timestamp();
    RETURN moment;
END $$;

-- Locks up to `most` tables whose alarm has rung by `moment` and that nobody else looks after. Those
-- that have time yet have their alarm set again; the ids of the others are given back.
CREATE FUNCTION claim_due_games(moment timestamptz, most int, OUT claimed int, OUT due uuid[])
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    ringing uuid[];
BEGIN
    ringing := ARRAY(
        SELECT id FROM games WHERE alarm_at <= moment ORDER BY alarm_at LIMIT most
        FOR UPDATE SKIP LOCKED
    );
    claimed := cardinality(ringing);
    -- A statement of its own: it sees what those who held the locks before have written.
    WITH looked AS (
        SELECT g.id, CASE WHEN g.status = 'active' THEN LEAST(g.deadline, (
            SELECT p.reconnect_by FROM game_players p
            WHERE p.user_id = g.turn_user_id AND p.game_id = g.id
        )) END AS at
        FROM games g WHERE g.id = ANY(ringing)
    ), reset AS (
        UPDATE games SET alarm_at = l.at FROM looked l
        WHERE games.id = l.id AND (l.at IS NULL OR l.at > moment)
        RETURNING games.id
    )
    SELECT ARRAY(SELECT id FROM looked WHERE at <= moment) INTO due;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [('game', '0002_fairness')]

    initial = False

    operations = [
        ops.AddField(model_name='Game', name='turn_ms', field=fields.BigIntField(null=True)),
        ops.AddField(model_name='Game', name='deadline', field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
        ops.AddField(model_name='Game', name='alarm_at', field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
        ops.AddField(model_name='Game', name='unattended', field=fields.IntField(null=True)),
        ops.AddField(model_name='Player', name='reserve_ms', field=fields.IntField(null=True)),
        ops.AddField(model_name='Player', name='reconnect_by', field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
        ops.RunSQL(COLUMNS),
        ops.RunSQL(COMMIT_PLAYS),
        ops.RunSQL(PRESENCE),
        ops.RunSQL(CLOCKS),
    ]
