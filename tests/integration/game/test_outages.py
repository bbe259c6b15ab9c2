"""The platform is away for longer than a turn: all of its game replicas, or its database.

Real processes and a real turn clock; how long they were away is said to the database, which is all
that remembers it. Nobody forfeits, no move is made for anybody, and who had to move has the time
that was left.
"""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest
from factories.card_tables import CardTable, seat, sit_down
from factories.customer_stand_in import CustomerStandIn
from factories.game_processes import GameProcess, GameProcesses, game_processes
from factories.identity_stand_in import IdentityStandIn, User
from factories.polling import until_true
from factories.tcp_gate import TcpGate, tcp_gate
from factories.time_passing import pass_time
from parlor_dev.roles import DatabaseAccess

pytestmark = pytest.mark.integration

TURN = 60
AWAY_SECONDS = 10 * TURN


@pytest.fixture(scope="module")
async def gate(database_access: DatabaseAccess) -> AsyncIterator[TcpGate]:
    """The way of the replicas to their database."""
    address = urlsplit(database_access.app_url)
    async with tcp_gate(str(address.hostname), address.port or 5432) as opened:
        yield opened


@pytest.fixture
async def processes(
    gate: TcpGate,
    database_access: DatabaseAccess,
    identity: IdentityStandIn,
    customer: CustomerStandIn,
    http: aiohttp.ClientSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[GameProcesses]:
    folder = tmp_path_factory.mktemp("outages")
    (folder / "customer").write_text("a credential for customer")
    address = urlsplit(database_access.app_url)
    through_the_gate = address._replace(
        netloc=f"{address.username}:{address.password}@127.0.0.1:{gate.port}"
    )
    environment = {
        "PARLOR_DATABASE_URL": through_the_gate.geturl(),
        "PARLOR_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "PARLOR_JWKS_URL": identity.jwks_url,
        "PARLOR_CUSTOMER_URL": customer.url,
        "PARLOR_CREDENTIALS_DIR": str(folder),
    }
    async with game_processes(environment, folder, http) as started:
        yield started


def left(view: dict[str, Any]) -> float:
    """Seconds until the deadline of a view."""
    deadline = datetime.fromisoformat(view["deadline"])
    return (deadline - datetime.now(UTC)).total_seconds()


async def moves(rows: asyncpg.Connection, table: CardTable) -> list[str]:
    found = await rows.fetch("SELECT made_by FROM game_moves WHERE game_id = $1", table.game_id)
    return [row["made_by"] for row in found]


@dataclass(frozen=True)
class Left:
    """What a mover has left, and when that was so."""

    seconds: float
    at: float

    @classmethod
    def of(cls, view: dict[str, Any]) -> "Left":
        return cls(left(view), time.monotonic())


async def clock_runs(
    processes: GameProcesses, players: list[User]
) -> tuple[GameProcess, CardTable, User, Left]:
    """A replica with a table, who has the turn there, and what is left to them."""
    replica = await processes.start("api")
    table = await sit_down(replica.client, players, "crazy_eights", turn_seconds=TURN)
    mover, view = await table.next_to_move()
    return replica, table, mover, Left.of(view)


async def assert_time_is_left(
    rows: asyncpg.Connection, table: CardTable, mover: User, before: Left
) -> dict[str, Any]:
    """No move was made, and the time that was left is left."""

    async def clocks_are_looked_after() -> bool:
        reply = await table.client.call("GET", table.path, headers=mover.authorization)
        return reply.status == 200 and left(reply.body) > 0

    await until_true(clocks_are_looked_after, seconds=30)
    view: dict[str, Any] = await table.get(mover)
    assert await moves(rows, table) == []
    assert (view["status"], view["turn"]) == ("active", str(mover.id))
    passed = time.monotonic() - before.at
    assert before.seconds - passed - 1 < left(view) < before.seconds + 1
    return view


async def test_no_clock_runs_out_while_the_database_or_every_replica_is_away(
    processes: GameProcesses,
    gate: TcpGate,
    people: Callable[[int], list[User]],
    rows: asyncpg.Connection,
    http: aiohttp.ClientSession,
) -> None:
    replica, table, mover, before = await clock_runs(processes, people(2))
    await gate.shut()
    await pass_time(rows, AWAY_SECONDS, ticking=False)
    await gate.open()
    before = Left.of(await assert_time_is_left(rows, table, mover, before))

    await replica.kill()
    await pass_time(rows, AWAY_SECONDS, ticking=False)
    replica = await processes.start("api", GAME_RECONNECT_WINDOW="PT0.5S", GAME_IDLE_AFTER="PT1H")
    table = CardTable(replica.client, table.game_id, table.players)
    view = await assert_time_is_left(rows, table, mover, before)

    async def clock_has_played() -> bool:
        return bool(await moves(rows, table))

    await pass_time(rows, left(view) - 2)
    await until_true(clock_has_played, seconds=30)
    assert await moves(rows, table) == ["clock"]
    await _settings_count(replica, http, people(2), rows)


async def test_no_clock_runs_while_nobody_can_say_who_they_are(
    processes: GameProcesses,
    identity: IdentityStandIn,
    people: Callable[[int], list[User]],
    rows: asyncpg.Connection,
    http: aiohttp.ClientSession,
) -> None:
    """The platform comes back without identity: its only replica has no keys."""
    replica, table, mover, before = await clock_runs(processes, people(2))
    await replica.kill()
    await pass_time(rows, AWAY_SECONDS, ticking=False)
    ticked_at = await rows.fetchval("SELECT ticked_at FROM game_clock")
    address = urlsplit(identity.jwks_url)
    async with tcp_gate(str(address.hostname), address.port or 80) as to_identity:
        await to_identity.shut()
        keys = address._replace(netloc=f"127.0.0.1:{to_identity.port}").geturl()
        replica = await processes.begin("api", PARLOR_JWKS_URL=keys, GAME_CONNECTION_LEASE="1")
        leases: set[datetime] = set()

        async def has_lived_for_several_ticks() -> bool:
            leases.add(await rows.fetchval("SELECT max(leased_until) FROM game_replicas"))
            return len(leases) > 4

        await until_true(has_lived_for_several_ticks, seconds=60)
        assert await rows.fetchval("SELECT ticked_at FROM game_clock") == ticked_at
        await to_identity.open()
        await processes.ready(replica)
        table = CardTable(replica.client, table.game_id, table.players)
        await assert_time_is_left(rows, table, mover, before)


async def _settings_count(
    replica: GameProcess,
    http: aiohttp.ClientSession,
    players: list[User],
    rows: asyncpg.Connection,
) -> None:
    """A running replica keeps tables and seats for as long as it is told."""
    table = await sit_down(replica.client, players, "crazy_eights")
    mover, view = await table.next_to_move()
    assert 3590 < left(view) <= 3600
    async with seat(http, replica.url, table.game_id, mover) as socket:
        await socket.welcomed()

    async def ended() -> bool:
        return bool((await table.get(mover))["status"] == "abandoned")

    await until_true(ended, seconds=30)
    assert await moves(rows, table) == ["departure"]
