"""Messages and receipts lie in partitions by month, and only whole months come and go."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import asyncpg
import pytest
from factories.chat_archive import ANCIENT, FRESH, OLD, converse, id_at
from parlor_chat.usecases.expiry_months import make_months
from parlor_dev.backing import PostgresBacking
from parlor_kit.clock import now
from parlor_kit.database import Database, tortoise_config
from parlor_kit.migrate import migrate, migrated
from tortoise import Tortoise
from tortoise.migrations.api.migrate import migrate as run_migrations

pytestmark = pytest.mark.integration

UNHEARD_OF = timedelta(days=3000)

_PLACES = """
SELECT DISTINCT tableoid::regclass::text AS place FROM {table}
WHERE conversation_id = $1 ORDER BY 1
"""


async def places(rows: asyncpg.Connection, table: str, conversation_id: UUID) -> list[str]:
    found = await rows.fetch(_PLACES.format(table=table), conversation_id)
    return [row["place"] for row in found]


def month(age: timedelta) -> str:
    return (now() - age).strftime("%Y_%m")


async def make(rows: asyncpg.Connection, age: timedelta) -> int:
    moment = (now() - age).date()
    return int(await rows.fetchval("SELECT make_message_months($1, $1)", moment))


async def test_a_message_and_its_receipts_lie_in_the_month_in_which_it_was_sent(
    database: Database, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [ANCIENT, OLD, FRESH])
    wanted = sorted({month(age) for age in (ANCIENT, OLD, FRESH)})
    assert await places(rows, "messages", past.id) == [f"messages_{each}" for each in wanted]
    received = sorted({month(ANCIENT), month(FRESH)})  # the second message is the reader's own
    assert await places(rows, "receipts", past.id) == [f"receipts_{each}" for each in received]


async def test_what_no_month_takes_in_waits_in_the_default_partition_until_its_month_is_made(
    database: Database, rows: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    past = await converse(rows, [UNHEARD_OF])
    other = await converse(rows, [UNHEARD_OF + timedelta(days=400)])
    assert await places(rows, "messages", past.id) == ["messages_default"]
    assert await make(rows, UNHEARD_OF) == 1
    assert await make(rows, UNHEARD_OF) == 0
    assert await places(rows, "messages", past.id) == [f"messages_{month(UNHEARD_OF)}"]
    assert await places(rows, "receipts", past.id) == [f"receipts_{month(UNHEARD_OF)}"]
    assert await places(rows, "messages", other.id) == ["messages_default"]
    await owner.execute("SELECT drop_message_month(month_of($1))", now() - UNHEARD_OF)


async def test_the_worker_makes_the_months_that_come_before_they_are_needed(
    database: Database, rows: asyncpg.Connection
) -> None:
    ahead = "SELECT count(*) FROM message_months WHERE month > month_of(now())"
    await rows.execute("SELECT drop_message_month((month_of(now()) + interval '2 months')::date)")
    assert await rows.fetchval(ahead) == 1
    assert await make_months(database) == 1
    assert await rows.fetchval(ahead) == 2
    assert await make_months(database) == 0


async def test_dropping_a_month_takes_its_messages_and_receipts_and_no_others(
    database: Database, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [ANCIENT, FRESH], traces=False)
    await rows.execute("SELECT drop_message_month(month_of($1))", now() - ANCIENT)
    left = await rows.fetch("SELECT seq FROM messages WHERE conversation_id = $1", past.id)
    assert [row["seq"] for row in left] == [2]
    assert await places(rows, "receipts", past.id) == []
    known = await rows.fetch("SELECT month FROM message_months ORDER BY month")
    assert (now() - ANCIENT).date().replace(day=1) not in {row["month"] for row in known}


async def test_months_meet_whatever_their_length_and_the_day_on_which_they_are_made(
    database: Database, rows: asyncpg.Connection
) -> None:
    days = (date(2091, 12, 31), date(2092, 3, 1))  # a leap year
    wanted = [date(2091, 12, 1), date(2092, 1, 1), date(2092, 2, 1), date(2092, 3, 1)]
    assert await rows.fetchval("SELECT make_message_months($1, $2)", *days) == len(wanted)
    made = await rows.fetch(
        "SELECT month, next_month, first_id, end_id FROM message_months "
        "WHERE month >= $1 ORDER BY month",
        wanted[0],
    )
    assert [row["month"] for row in made] == wanted
    for row, following in pairwise(made):
        assert (row["next_month"], row["end_id"]) == (following["month"], following["first_id"])
    for moment, month in (
        (datetime(2092, 1, 31, 23, 59, 59, 999000, UTC), date(2092, 1, 1)),
        (datetime(2092, 2, 29, 23, 59, 59, 999000, UTC), date(2092, 2, 1)),
        (datetime(2092, 3, 1, tzinfo=UTC), date(2092, 3, 1)),
    ):
        assert await rows.fetchval("SELECT month_of($1)", moment) == month
        id_then = id_at(moment)
        (row,) = [row for row in made if row["first_id"] <= id_then < row["end_id"]]
        assert row["month"] == month
    for month in wanted:
        await rows.execute("SELECT drop_message_month($1)", month)


async def test_the_service_can_make_and_drop_months_and_nothing_else(
    database: Database, rows: asyncpg.Connection
) -> None:
    for forbidden in (
        "CREATE TABLE mine (id integer)",
        f"DROP TABLE messages_{month(FRESH)}",
        "DROP TABLE messages",
        f"ALTER TABLE messages DETACH PARTITION messages_{month(FRESH)}",
        "TRUNCATE messages",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await rows.execute(forbidden)


async def test_a_month_that_was_made_by_the_service_does_not_look_like_a_missing_migration(
    database: Database, rows: asyncpg.Connection
) -> None:
    await make(rows, timedelta(days=-400))
    assert await migrated(database.url, "chat")
    await rows.execute("SELECT drop_message_month(month_of(now() + interval '400 days'))")


async def test_migrating_moves_what_was_sent_before_into_its_months(
    postgres_server: PostgresBacking,
) -> None:
    access = await postgres_server.database("chat")
    await run_migrations(
        config=tortoise_config(access.owner_url, "chat", pool=2), target="chat.0003_retention"
    )
    await Tortoise.close_connections()
    connection = await asyncpg.connect(access.owner_url)
    try:
        pair = (uuid4(), uuid4())
        past = await converse(connection, [ANCIENT, OLD, FRESH], people=pair, traces=False)
        before = await connection.fetch("SELECT * FROM messages ORDER BY id")
        await migrate(access.owner_url, access.app_url, "chat")
        after = await connection.fetch(
            f"SELECT {', '.join(before[0].keys())} FROM messages ORDER BY id"
        )
        assert [tuple(row.values()) for row in after] == [tuple(row.values()) for row in before]
        assert await connection.fetchval("SELECT count(*) FROM messages_default") == 0
        assert await places(connection, "messages", past.id) == sorted(
            f"messages_{month(age)}" for age in (ANCIENT, OLD, FRESH)
        )
    finally:
        await connection.close()
