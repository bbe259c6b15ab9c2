"""No broker and so no feed: a table's sockets still follow it across replicas, within seconds."""

import random
from collections.abc import AsyncIterator, Callable
from functools import partial

import aiohttp
import asyncpg
import pytest
from factories.card_tables import Seat, choose, seat, sit_down
from factories.customer_stand_in import CustomerStandIn
from factories.game_processes import GameProcess, game_processes
from factories.identity_stand_in import IdentityStandIn, User
from parlor_dev.roles import DatabaseAccess
from parlor_kit.live_socket import NOT_ENTITLED

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
_SOON = 20  # seconds, for a machine that is busy; a look comes every second


@pytest.fixture(scope="module")
async def lonely(
    database_access: DatabaseAccess,
    identity: IdentityStandIn,
    customer: CustomerStandIn,
    http: aiohttp.ClientSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[list[GameProcess]]:
    """Two replicas of game whose broker has never answered, and no worker."""
    folder = tmp_path_factory.mktemp("lonely")
    (folder / "customer").write_text("a credential for customer")
    environment = {
        "PARLOR_DATABASE_URL": database_access.app_url,
        "PARLOR_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "PARLOR_JWKS_URL": identity.jwks_url,
        "PARLOR_CUSTOMER_URL": customer.url,
        "PARLOR_CREDENTIALS_DIR": str(folder),
    }
    async with game_processes(environment, folder, http) as started:
        yield [await started.start("api") for _ in range(2)]


def _has(socket: Seat, seq: int) -> bool:
    return socket.seq >= seq


async def test_a_play_reaches_the_socket_on_the_other_replica(
    lonely: list[GameProcess], people: People, http: aiohttp.ClientSession
) -> None:
    here, there = lonely
    table = await sit_down(here.client, people(2), "crazy_eights")
    rng = random.Random(7)
    async with seat(http, there.url, table.game_id, table.players[1]) as socket:
        await socket.welcomed()
        for _ in range(2):
            player, view = await table.next_to_move()
            reply = await table.play(player, choose(rng, view["legal_plays"]))
            assert reply.status == 200, reply.body
            seq = int(reply.body["seq"])
            await socket.until(partial(_has, socket, seq), seconds=_SOON)


async def test_an_account_that_the_worker_noted_as_disabled_loses_its_sockets(
    lonely: list[GameProcess],
    people: People,
    http: aiohttp.ClientSession,
    rows: asyncpg.Connection,
) -> None:
    table = await sit_down(lonely[0].client, people(2), "crazy_eights")
    disabled, other = table.players
    async with (
        seat(http, lonely[1].url, table.game_id, disabled) as theirs,
        seat(http, lonely[1].url, table.game_id, other) as socket,
    ):
        await theirs.welcomed()
        await socket.welcomed()
        await rows.execute(
            "INSERT INTO disabled_accounts (user_id, version, disabled) VALUES ($1, 1, true)",
            disabled.id,
        )
        assert await theirs.closed() == NOT_ENTITLED
        assert socket.close_code is None
