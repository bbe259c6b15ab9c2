"""The tables of the game service as they are now, and the SQL functions of its hot paths."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

# What a model cannot say: keys of two columns, checks, and the two hot paths as functions.
TABLES = """
CREATE TABLE game_moves (
    game_id uuid NOT NULL,
    number int NOT NULL,
    seat smallint NOT NULL,
    user_id uuid NOT NULL,
    play text NOT NULL,
    seq bigint NOT NULL,
    played_at timestamptz NOT NULL,
    PRIMARY KEY (game_id, number)
);
CREATE TABLE game_events (
    game_id uuid NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    type text NOT NULL,
    public text NOT NULL,
    private text,
    PRIMARY KEY (game_id, seq)
);
CREATE TABLE play_keys (
    game_id uuid NOT NULL,
    user_id uuid NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (game_id, user_id, key)
);
CREATE INDEX invites_to_expire ON invites (expires_at) WHERE status = 'pending';
ALTER TABLE games SET (fillfactor = 70);
ALTER TABLE game_players SET (fillfactor = 70);
ALTER TABLE invites ADD CONSTRAINT invites_status
    CHECK (status IN ('pending', 'accepted', 'declined', 'expired', 'cancelled'));
ALTER TABLE invitees ADD CONSTRAINT invitees_status
    CHECK (status IN ('pending', 'accepted', 'declined'));
ALTER TABLE games ADD CONSTRAINT games_status
    CHECK (status IN ('active', 'finished', 'abandoned'));
ALTER TABLE games ADD CONSTRAINT games_turn
    CHECK ((status = 'active') = (turn_user_id IS NOT NULL));
"""

FUNCTIONS = """
-- Commits plays of different games in one transaction. A play counts only if no move was made
-- since the state that it was computed on; each play that counts gives back one row.
CREATE FUNCTION commit_plays(
    game_ids uuid[], numbers int[], seats int[], user_ids uuid[], plays text[],
    ats timestamptz[], event_counts int[], turns uuid[], statuses text[], winners text[],
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
            game_ids, numbers, seats, user_ids, plays, ats, event_counts, turns, statuses,
            winners, keys, digests, advanced_ids, finished_ids, finished_data, request_ids,
            traceparents
        ) WITH ORDINALITY AS w(
            game_id, number, seat, user_id, move, at, event_count, turn, status, winner_ids, key,
            digest, advanced_id, finished_id, finished_data, request_id, traceparent, play
        )
    ), moved AS (
        UPDATE games SET
            seq = games.seq + w.event_count,
            move_seq = games.seq + w.event_count,
            move_count = w.number,
            turn_user_id = w.turn,
            status = w.status,
            winner_ids = w.winner_ids,
            finished_at = CASE WHEN w.status <> 'active' THEN w.at END
        FROM wanted w
        WHERE games.id = w.game_id AND games.move_count = w.number - 1 AND games.status = 'active'
        RETURNING w.*, games.seq AS last_seq, games.epoch
    ), logged AS (
        INSERT INTO game_moves (game_id, number, seat, user_id, play, seq, played_at)
        SELECT game_id, number, seat, user_id, move, last_seq, at FROM moved
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

-- Records that a connection of a player has begun or ended, or neither; makes the player's
-- `connected` agree with what is left, and tells the stream if that changed. Gives back the
-- stream's new seq, or null when nothing changed.
CREATE FUNCTION settle_presence(
    of_game uuid, of_user uuid, begun uuid, on_replica uuid, ended uuid,
    at timestamptz, event_id uuid, request_id text, traceparent text
) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    present boolean;
    its_seat int;
    new_seq bigint;
    its_epoch text;
    kind text;
BEGIN
    -- First of all, so that a sweep and a renewal of the same game cannot miss each other.
    PERFORM 1 FROM games WHERE id = of_game FOR UPDATE;
    IF begun IS NOT NULL THEN
        INSERT INTO game_connections (id, game_id, user_id, replica_id)
        VALUES (begun, of_game, of_user, on_replica) ON CONFLICT (id) DO NOTHING;
    END IF;
    DELETE FROM game_connections WHERE id = ended;
    present := EXISTS (
        SELECT 1 FROM game_connections c WHERE c.game_id = of_game AND c.user_id = of_user
    );
    UPDATE game_players p SET connected = present
    WHERE p.game_id = of_game AND p.user_id = of_user AND p.connected <> present
    RETURNING p.seat INTO its_seat;
    IF its_seat IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE games SET seq = seq + 1 WHERE id = of_game RETURNING seq, epoch INTO new_seq, its_epoch;
    kind := CASE WHEN present THEN 'player.connected' ELSE 'player.disconnected' END;
    INSERT INTO game_events (game_id, seq, at, type, public)
    VALUES (of_game, new_seq, at, kind,
        format('{"type":"%s","seat":%s,"user_id":"%s"}', kind, its_seat, of_user));
    INSERT INTO outbox (event_id, topic, key, type, data, time, request_id, traceparent)
    VALUES (event_id, 'game.events', of_game::text, 'game.advanced',
        format('{"game_id":"%s","seq":%s,"epoch":"%s"}', of_game, new_seq, its_epoch),
        at, request_id, traceparent);
    PERFORM pg_notify('outbox', '');
    RETURN new_seq;
END $$;
"""


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='Connection',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('game_id', fields.UUIDField()),
                ('user_id', fields.UUIDField()),
                ('replica_id', fields.UUIDField(db_index=True)),
            ],
            options={'table': 'game_connections', 'app': 'game', 'indexes': [Index(fields=['game_id', 'user_id'])], 'pk_attr': 'id', 'table_description': 'A live socket of a player on some replica.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DisabledAccount',
            fields=[
                ('user_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('version', fields.BigIntField()),
                ('disabled', fields.BooleanField()),
            ],
            options={'table': 'disabled_accounts', 'app': 'game', 'pk_attr': 'user_id', 'table_description': 'What identity last said of an account that is or was disabled.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Game',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('invite_id', fields.UUIDField(unique=True)),
                ('game', fields.TextField(unique=False)),
                ('options', fields.TextField(unique=False)),
                ('seats', fields.SmallIntField()),
                ('seed', fields.BinaryField()),
                ('status', fields.TextField(unique=False)),
                ('epoch', fields.TextField(unique=False)),
                ('seq', fields.BigIntField()),
                ('move_seq', fields.BigIntField()),
                ('move_count', fields.IntField()),
                ('turn_user_id', fields.UUIDField(null=True)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('winner_ids', fields.TextField(null=True, unique=False)),
            ],
            options={'table': 'games', 'app': 'game', 'pk_attr': 'id', 'table_description': 'A table: where its stream and its log stand. The seed is secret and never leaves.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Invite',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('game', fields.TextField(unique=False)),
                ('options', fields.TextField(unique=False)),
                ('inviter_id', fields.UUIDField()),
                ('status', fields.TextField(unique=False)),
                ('game_id', fields.UUIDField(null=True)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'invites', 'app': 'game', 'indexes': [Index(fields=['inviter_id', 'id'])], 'pk_attr': 'id', 'table_description': 'An invitation to one game; `expired` may lag behind `expires_at`, which decides.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Invitee',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('invite_id', fields.UUIDField()),
                ('position', fields.SmallIntField()),
                ('user_id', fields.UUIDField()),
                ('status', fields.TextField(unique=False)),
                ('answered_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'invitees', 'app': 'game', 'unique_together': (('invite_id', 'user_id'),), 'indexes': [Index(fields=['user_id', 'invite_id'])], 'pk_attr': 'id', 'table_description': 'One invited player, in the order in which the inviter named them.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Player',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('game_id', fields.UUIDField()),
                ('seat', fields.SmallIntField()),
                ('user_id', fields.UUIDField()),
                ('connected', fields.BooleanField(default=False)),
                ('score', fields.IntField(null=True)),
                ('rank', fields.SmallIntField(null=True)),
            ],
            options={'table': 'game_players', 'app': 'game', 'unique_together': (('game_id', 'seat'), ('user_id', 'game_id')), 'pk_attr': 'id', 'table_description': 'A seat; score and rank are set when the game ends.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReconnectToken',
            fields=[
                ('token_hash', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('game_id', fields.UUIDField()),
                ('user_id', fields.UUIDField()),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'reconnect_tokens', 'app': 'game', 'pk_attr': 'token_hash', 'table_description': 'A single-use ticket to the socket of one game, for one player; only its hash is kept.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Replica',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('leased_until', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'game_replicas', 'app': 'game', 'pk_attr': 'id', 'table_description': 'An api process that holds connections, for as long as its lease is renewed.'},
            bases=['Model'],
        ),
        ops.RunSQL(TABLES),
        ops.RunSQL(FUNCTIONS),
    ]
