"""Tickets for spectators' sockets, and what a game that was given up counts for on a leaderboard."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

RANK_PLAYERS = """
-- Counts the end of a game, in the transaction that ends it. Ranks are set by the same statement,
-- which is over when this runs. Of a game that was given up, the seat that gave up is the last;
-- the others are above it and equals, since the game was not played to its end. Where one alone is
-- left, that is a win.
CREATE OR REPLACE FUNCTION rank_players() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    -- Two transactions whose games end with the same people must not wait for each other.
    PERFORM pg_advisory_xact_lock(x'4C454144'::int);
    INSERT INTO leaderboard_entries AS known (distributor_id, game, user_id, games, wins, points)
    WITH ranked AS (
        SELECT p.seat, p.user_id, p.distributor_ids, CASE
            WHEN NEW.status = 'finished' THEN p.rank
            WHEN p.rank = NEW.seats THEN NEW.seats
            ELSE 1
        END AS rank
        FROM game_players p WHERE p.game_id = NEW.id
    )
    SELECT distributor_id, NEW.game, r.user_id, 1,
        CASE WHEN r.rank = 1 AND (NEW.status = 'finished' OR NEW.seats = 2) THEN 1 ELSE 0 END,
        (SELECT sum(CASE WHEN o.rank > r.rank THEN 2 WHEN o.rank = r.rank THEN 1 ELSE 0 END)
            FROM ranked o WHERE o.seat <> r.seat)
    FROM ranked r, unnest(r.distributor_ids) AS distributor_id
    ON CONFLICT (distributor_id, game, user_id) DO UPDATE SET
        games = known.games + 1,
        wins = known.wins + excluded.wins,
        points = known.points + excluded.points;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [('game', '0005_clock_stops')]

    initial = False

    operations = [
        ops.CreateModel(
            name='WatchTicket',
            fields=[
                ('token_hash', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('game_id', fields.UUIDField()),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ('watches_until', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'watch_tickets', 'app': 'game', 'pk_attr': 'token_hash', 'table_description': 'Lets a spectator open one socket on one game, once, within a minute; only its hash is kept.'},
            bases=['Model'],
        ),
        ops.RunSQL(RANK_PLAYERS),
    ]
