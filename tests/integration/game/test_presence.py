"""Leases of replicas: who is slow is taken for gone, and says again who is there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from factories.card_tables import CardTable, sit_down
from factories.identity_stand_in import User
from factories.running_api import RunningApi
from factories.time_passing import look_after_clocks, pass_time
from parlor_game.usecases.track_presence import Presence, sweep_connections
from parlor_kit.hub import Hub
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

WINDOW = timedelta(minutes=2)


@pytest.fixture
async def table(game: RunningApi, people: Callable[[int], list[User]]) -> CardTable:
    return await sit_down(game.public, people(2), "crazy_eights")


@pytest.fixture
def replica(game: RunningApi) -> Callable[[float], Presence]:
    """Another replica's presence, with a lease of so many seconds."""
    services = game.api.services
    return lambda seconds: Presence(
        services.database, Hub(services.hub._source), lease_seconds=seconds, window=WINDOW
    )


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


async def connected(table: CardTable) -> list[bool]:
    view = await table.get(table.players[0])
    return [player["connected"] for player in view["players"]]


async def test_a_replica_whose_lease_is_over_is_swept_and_comes_back(
    game: RunningApi,
    table: CardTable,
    replica: Callable[[float], Presence],
    stack: AsyncExitStack,
) -> None:
    database = game.api.services.database
    game_id, ada = UUID(table.game_id), table.players[0]
    slow = replica(-1)
    await slow.renew()
    await stack.enter_async_context(slow.present(game_id, ada.id))
    assert await connected(table) == [True, False]

    assert await sweep_connections(database, WINDOW) == 1
    assert await connected(table) == [False, False]

    slow._lease = replica(60)._lease
    await slow.renew()
    assert await connected(table) == [True, False]
    assert await sweep_connections(database, WINDOW) == 0


async def test_nobody_has_left_while_no_replica_is_there(
    game: RunningApi,
    table: CardTable,
    replica: Callable[[float], Presence],
    stack: AsyncExitStack,
    rows: asyncpg.Connection,
) -> None:
    database = game.api.services.database
    dead = replica(-1)
    await dead.renew()
    await stack.enter_async_context(dead.present(UUID(table.game_id), table.players[0].id))
    await pass_time(rows, 500, ticking=False)
    assert await sweep_connections(database, WINDOW) == 0
    assert await connected(table) == [True, False]
    await look_after_clocks(rows)
    assert await sweep_connections(database, WINDOW) == 1


async def test_a_sweep_and_a_renewal_at_once_leave_who_is_there(
    game: RunningApi,
    table: CardTable,
    replica: Callable[[float], Presence],
    stack: AsyncExitStack,
    rows: asyncpg.Connection,
) -> None:
    database, game_id = game.api.services.database, UUID(table.game_id)
    held = replica(60)
    await held.renew()
    for player in table.players:
        await stack.enter_async_context(held.present(game_id, player.id))
    for _ in range(15):
        await rows.execute("UPDATE game_replicas SET leased_until = now() - interval '1 minute'")
        await asyncio.gather(sweep_connections(database, WINDOW), held.renew())
        await held.renew()
        assert await connected(table) == [True, True]


async def test_a_player_is_there_while_any_socket_is(
    table: CardTable, replica: Callable[[float], Presence], rows: asyncpg.Connection
) -> None:
    game_id, ada = UUID(table.game_id), table.players[0]
    first, second = replica(60), replica(60)
    await first.renew()
    await second.renew()
    async with first.present(game_id, ada.id):
        async with second.present(game_id, ada.id):
            pass
        await second.close()
        assert await connected(table) == [True, False]
    await first.close()
    assert await connected(table) == [False, False]
    told = await rows.fetch(
        "SELECT type FROM game_events WHERE game_id = $1 AND type LIKE 'player.%' ORDER BY seq",
        game_id,
    )
    assert [row["type"] for row in told] == ["player.connected", "player.disconnected"]


async def test_presence_at_a_table_that_does_not_exist_changes_nothing(
    replica: Callable[[float], Presence], rows: asyncpg.Connection
) -> None:
    here = replica(60)
    await here.renew()
    nowhere = new_id()
    async with here.present(nowhere, new_id()):
        pass
    await here.close()
    left = "SELECT count(*) FROM game_connections WHERE game_id = $1"
    assert await rows.fetchval(left, nowhere) == 0
