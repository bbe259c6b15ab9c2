"""A fair deal: secrets and seeds of invites, and the hash chain of the move log.

Games that were dealt before have no commitment and no chain: their columns stay null.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

# The defaults are for invites that are there, and for those that an older replica makes meanwhile.
# Such a replica knows nothing of heads: the check stops it from moving on without one.
COLUMNS = """
ALTER TABLE invites
    ALTER COLUMN server_seed
        SET DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    ALTER COLUMN seed SET DEFAULT '';
ALTER TABLE invitees ALTER COLUMN seed SET DEFAULT '';
UPDATE invites SET server_seed = DEFAULT, seed = DEFAULT;
UPDATE invitees SET seed = DEFAULT;
ALTER TABLE invites ALTER COLUMN server_seed SET NOT NULL, ALTER COLUMN seed SET NOT NULL;
ALTER TABLE invitees ALTER COLUMN seed SET NOT NULL;
ALTER TABLE games
    ADD CONSTRAINT games_fair CHECK (
        (server_seed IS NULL) = (head IS NULL) AND (seeds IS NULL) = (head IS NULL)),
    ADD CONSTRAINT games_head CHECK (head IS NULL OR head_number = move_count);
ALTER TABLE game_moves
    ADD COLUMN made_by text NOT NULL DEFAULT 'player',
    ADD COLUMN hash bytea,
    ADD CONSTRAINT game_moves_made_by CHECK (made_by IN ('player', 'clock', 'departure'));
"""

FUNCTION = """
-- Commits plays of different games in one transaction. A play counts only if no move was made
-- since the state that it was computed on; each play that counts gives back one row. The head of
-- the log after it was computed on that same state, so it fits whenever the play counts.
CREATE FUNCTION commit_plays(
    game_ids uuid[], numbers int[], seats int[], user_ids uuid[], plays text[],
    made_bys text[], heads bytea[], ats timestamptz[], event_counts int[], turns uuid[], statuses text[], winners text[],
    keys text[], digests bytea[], advanced_ids uuid[], finished_ids uuid[], finished_data text[],
    request_ids text[], traceparents text[],
    event_plays int[], event_positions int[], event_types text[], event_public text[],
    event_private text[],
    result_plays int[], result_seats int[], result_scores int[], result_ranks int[]
) RETURNS TABLE (play int, last_seq bigint, connected boolean[]) LANGUAGE plpgsql
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
            statuses, winners, keys, digests, advanced_ids, finished_ids, finished_data,
            request_ids, traceparents
        ) WITH ORDINALITY AS w(
            game_id, number, seat, user_id, move, made_by, head, at, event_count, turn, status,
            winner_ids, key, digest, advanced_id, finished_id, finished_data, request_id,
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
            status = w.status,
            winner_ids = w.winner_ids,
            finished_at = CASE WHEN w.status <> 'active' THEN w.at END
        FROM wanted w
        WHERE games.id = w.game_id AND games.move_count = w.number - 1 AND games.status = 'active'
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
    ), scored AS (
        UPDATE game_players SET score = r.score, rank = r.rank
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
    SELECT m.play::int, m.last_seq,
        ARRAY(SELECT p.connected FROM game_players p WHERE p.game_id = m.game_id ORDER BY p.seat)
    FROM moved m;
    PERFORM pg_notify('outbox', '');
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [('game', '0001_initial')]

    initial = False

    operations = [
        ops.AddField(model_name='Invite', name='server_seed', field=fields.BinaryField(null=True)),
        ops.AddField(model_name='Invite', name='seed', field=fields.TextField(null=True, unique=False)),
        ops.AddField(model_name='Invitee', name='seed', field=fields.TextField(null=True, unique=False)),
        ops.AddField(model_name='Game', name='server_seed', field=fields.BinaryField(null=True)),
        ops.AddField(model_name='Game', name='seeds', field=fields.TextField(null=True, unique=False)),
        ops.AddField(model_name='Game', name='head', field=fields.BinaryField(null=True)),
        ops.AddField(model_name='Game', name='head_number', field=fields.IntField(null=True)),
        ops.RunSQL(COLUMNS),
        ops.RunSQL(FUNCTION),
    ]
