"""Who sits at a table beside its players, and what its end counts for: bots, spectators, leaderboards.

What older replicas write is complete without these columns: their tables have no bots, and count
for no leaderboard.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField

TABLES = """
CREATE TABLE leaderboard_entries (
    distributor_id uuid NOT NULL,
    game text NOT NULL,
    user_id uuid NOT NULL,
    games int NOT NULL,
    wins int NOT NULL,
    points bigint NOT NULL,
    PRIMARY KEY (distributor_id, game, user_id)
);
CREATE INDEX leaderboard_order
    ON leaderboard_entries (distributor_id, game, points DESC, wins DESC, user_id);
-- Its columns do not change while a game is played, so that no play has to touch it.
CREATE INDEX games_with_bots ON games (id) WHERE bot_ids IS NOT NULL AND status = 'active';
"""

FUNCTIONS = """
-- Tells the bots' processes that a bot has the turn.
CREATE FUNCTION wake_bots() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('bots', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER games_wake_bots AFTER INSERT OR UPDATE OF turn_user_id ON games
    FOR EACH ROW WHEN (NEW.turn_user_id = ANY(NEW.bot_ids)) EXECUTE FUNCTION wake_bots();

-- Counts the end of a game, in the transaction that ends it. Ranks are set by the same statement,
-- which is over when this runs. Of a game that was given up, the seat that gave up is the last.
CREATE FUNCTION rank_players() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    -- Two transactions whose games end with the same people must not wait for each other.
    PERFORM pg_advisory_xact_lock(x'4C454144'::int);
    INSERT INTO leaderboard_entries AS known (distributor_id, game, user_id, games, wins, points)
    SELECT distributor_id, NEW.game, p.user_id, 1,
        CASE WHEN NEW.status = 'finished' AND p.rank = 1 THEN 1 ELSE 0 END,
        CASE WHEN NEW.status = 'finished' THEN (
            SELECT sum(CASE WHEN o.rank > p.rank THEN 2 WHEN o.rank = p.rank THEN 1 ELSE 0 END)
            FROM game_players o WHERE o.game_id = NEW.id AND o.seat <> p.seat
        ) ELSE 0 END
    FROM game_players p, unnest(p.distributor_ids) AS distributor_id
    WHERE p.game_id = NEW.id AND (NEW.status = 'finished' OR p.rank = NEW.seats)
    ON CONFLICT (distributor_id, game, user_id) DO UPDATE SET
        games = known.games + 1,
        wins = known.wins + excluded.wins,
        points = known.points + excluded.points;
    RETURN NULL;
END $$;
CREATE TRIGGER games_rank_players AFTER UPDATE OF status ON games
    FOR EACH ROW
    WHEN (OLD.status = 'active' AND NEW.status <> 'active' AND NEW.bot_ids IS NULL)
    EXECUTE FUNCTION rank_players();
"""


class Migration(migrations.Migration):
    dependencies = [('game', '0003_clocks')]

    initial = False

    operations = [
        ops.CreateModel(
            name='SpectatorToken',
            fields=[
                ('token_hash', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('game_id', fields.UUIDField()),
                ('issued_by', fields.UUIDField()),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'spectator_tokens', 'app': 'game', 'pk_attr': 'token_hash', 'table_description': 'A right to watch one game, which a player may hand out; only its hash is kept.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Invite',
            name='bot_ids',
            field=ArrayField('uuid', null=True),
        ),
        ops.AddField(
            model_name='Game',
            name='bot_ids',
            field=ArrayField('uuid', null=True),
        ),
        ops.AddField(
            model_name='Player',
            name='distributor_ids',
            field=ArrayField('uuid', null=True),
        ),
        ops.RunSQL(TABLES),
        ops.RunSQL(FUNCTIONS),
    ]
