"""Clocks that stand still do so for everybody: whoever comes back before the first tick finds them so.

A play, a deal and a departure write moments that count from now. While nobody looks after the
clocks there is no now: the time that was lost is to be given back first.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

FUNCTIONS = """
-- Longer without a tick of any replica, and the clocks stood still.
CREATE FUNCTION longest_game_pause() RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT interval '2 seconds'
$$;

-- Whether nobody looks after the clocks, or has not yet since the platform is back.
CREATE FUNCTION game_clock_stands() RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT clock_timestamp() > ticked_at + longest_game_pause() FROM game_clock WHERE one
$$;

-- Gives back the time that was lost, if any was. It locks tables in the order of ids, so it is called
-- before any is locked.
CREATE FUNCTION catch_up_game_clock() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF game_clock_stands() THEN
        PERFORM beat_game_clock(longest_game_pause());
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [('game', '0004_tables')]

    initial = False

    operations = [ops.RunSQL(FUNCTIONS)]
