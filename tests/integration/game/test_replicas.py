"""Several replicas, real Kafka, and processes that die: a table survives them all."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import aiohttp
import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from factories.card_tables import CardTable, Seat, answer, choose, invite, seat, sit_down
from factories.customer_stand_in import CustomerStandIn
from factories.game_processes import GameProcess, GameProcesses, game_processes
from factories.identity_stand_in import IdentityStandIn, User
from factories.polling import until
from parlor_dev.roles import DatabaseAccess
from parlor_kit.clock import now
from parlor_kit.events import envelope, parse
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
LEASE_SECONDS = 1.5


@pytest.fixture(scope="module")
async def processes(
    database_access: DatabaseAccess,
    kafka_bootstrap: str,
    identity: IdentityStandIn,
    customer: CustomerStandIn,
    http: aiohttp.ClientSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[GameProcesses]:
    folder = tmp_path_factory.mktemp("replicas")
    (folder / "customer").write_text("a credential for customer")
    environment = {
        "PARLOR_DATABASE_URL": database_access.app_url,
        "PARLOR_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "PARLOR_JWKS_URL": identity.jwks_url,
        "PARLOR_CUSTOMER_URL": customer.url,
        "PARLOR_CREDENTIALS_DIR": str(folder),
        "GAME_CONNECTION_LEASE": str(LEASE_SECONDS),
    }
    async with game_processes(environment, folder, http) as started:
        yield started


@pytest.fixture(scope="module")
async def worker(processes: GameProcesses) -> GameProcess:
    return await processes.start("worker")


@pytest.fixture(scope="module")
async def replicas(processes: GameProcesses, worker: GameProcess) -> list[GameProcess]:
    return [await processes.start("api") for _ in range(2)]


@pytest.fixture(scope="module")
async def told(kafka_bootstrap: str) -> AsyncIterator[list[tuple[str, str]]]:
    """The (type, key) of every event on game.events, as they come."""
    events: list[tuple[str, str]] = []
    consumer = AIOKafkaConsumer(
        "game.events", bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()

    async def read() -> None:
        async for record in consumer:
            event = parse(record.topic, record.value)
            events.append((event.type, event.key))

    reading = asyncio.create_task(read())
    try:
        yield events
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await consumer.stop()


async def play_over(
    table: CardTable, sockets: dict[str, Seat], rng: random.Random, moves: int
) -> bool:
    """So many moves, each on its player's socket; whether the game has ended."""
    for _ in range(moves):
        view = await table.get(table.players[0])
        if view["turn"] is None:
            return True
        player = table.player(view["turn"])
        socket = sockets[view["turn"]]
        legal = (await table.get(player))["legal_plays"]
        ack = await socket.command(str(new_id()), type="play", **choose(rng, legal))
        assert ack["type"] == "ack", ack
        for other in sockets.values():
            await other.reached(ack["seq"])
    return False


def assert_gapless(socket: Seat) -> None:
    start = socket.welcome["seq"] - socket.welcome["replayed"]
    seqs = [frame["seq"] for frame in socket.events]
    assert seqs == list(range(start + 1, start + 1 + len(seqs)))


async def test_a_game_is_played_across_two_replicas(
    replicas: list[GameProcess], people: People, http: aiohttp.ClientSession
) -> None:
    first, second = replicas
    table = await sit_down(first.client, people(2), "crazy_eights")
    ada, bob = table.players
    async with (
        seat(http, first.url, table.game_id, ada) as one,
        seat(http, second.url, table.game_id, bob) as two,
    ):
        await one.welcomed()
        await two.welcomed()
        ended = await play_over(table, {str(ada.id): one, str(bob.id): two}, random.Random(2), 500)
        assert ended
        assert one.events[-1]["event"] == two.events[-1]["event"]
        for socket in (one, two):
            assert_gapless(socket)
    board = await CardTable(second.client, table.game_id, table.players).get(bob, "/scoreboard")
    assert board == await table.get(ada, "/scoreboard")


async def test_plays_on_two_replicas_at_once_make_one_move(
    replicas: list[GameProcess], people: People
) -> None:
    table = await sit_down(replicas[0].client, people(2), "crazy_eights")
    views = [CardTable(one.client, table.game_id, table.players) for one in replicas]
    for _ in range(10):
        player, view = await table.next_to_move()
        body = view["legal_plays"][-1] | {"expected_seq": view["seq"]}
        replies = await asyncio.gather(*(one.play(player, body) for one in views * 3))
        assert sorted(reply.status for reply in replies) == [200, *[409] * 5]


async def test_one_key_on_two_replicas_at_once_is_one_move(
    replicas: list[GameProcess], people: People, rows: asyncpg.Connection
) -> None:
    table = await sit_down(replicas[0].client, people(2), "crazy_eights")
    views = [CardTable(one.client, table.game_id, table.players) for one in replicas]
    player, _ = await table.next_to_move()
    replies = await asyncio.gather(
        *(one.play(player, {"action": "draw"}, key="k") for one in views * 10)
    )
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["seq"] for reply in replies}) == 1
    moves = await rows.fetchval("SELECT count(*) FROM game_moves WHERE game_id = $1", table.game_id)
    assert moves == 1


async def test_a_game_goes_on_when_its_replica_is_killed(
    processes: GameProcesses,
    replicas: list[GameProcess],
    people: People,
    http: aiohttp.ClientSession,
) -> None:
    doomed, rng = await processes.start("api"), random.Random(4)
    table = await sit_down(doomed.client, people(2), "crazy_eights")
    ada, bob = table.players
    other = replicas[0]
    async with seat(http, other.url, table.game_id, bob) as theirs:
        async with seat(http, doomed.url, table.game_id, ada) as mine:
            await mine.welcomed()
            await theirs.welcomed()
            await play_over(table, {str(ada.id): mine, str(bob.id): theirs}, rng, 5)
            await doomed.kill()
            await mine.closed()
        known, epoch = mine.seq, mine.welcome["epoch"]
        gone = ("player.disconnected", str(ada.id))
        await theirs.until(
            lambda: (
                gone
                in [(one["event"]["type"], one["event"].get("user_id")) for one in theirs.events]
            ),
            seconds=15,
        )
        fresh = await processes.start("api")
        table = CardTable(fresh.client, table.game_id, table.players)
        token = (await table.get(ada, "/reconnect-token"))["token"]
        async with seat(
            http, fresh.url, table.game_id, None, token=token, epoch=epoch, since=known
        ) as back:
            await back.welcomed()
            assert back.welcome["recovered"] is True
            ended = await play_over(table, {str(ada.id): back, str(bob.id): theirs}, rng, 500)
            assert ended
            assert back.events[0]["seq"] == known + 1
            assert_gapless(back)
            assert_gapless(theirs)
        assert (await table.get(bob, "/scoreboard"))["status"] == "finished"


async def test_a_replica_that_stops_sends_its_players_elsewhere(
    processes: GameProcesses,
    replicas: list[GameProcess],
    people: People,
    http: aiohttp.ClientSession,
) -> None:
    leaving = await processes.start("api")
    table = await sit_down(replicas[0].client, people(2), "crazy_eights")
    ada, bob = table.players
    async with (
        seat(http, replicas[0].url, table.game_id, bob) as theirs,
        seat(http, leaving.url, table.game_id, ada) as mine,
    ):
        await mine.welcomed()
        await theirs.welcomed()
        assert await leaving.stop() == 0
        assert await mine.closed() == 1001
        await theirs.until(lambda: theirs.events[-1]["event"]["type"] == "player.disconnected")


async def test_what_happens_is_told_on_kafka_in_order(
    replicas: list[GameProcess], people: People, told: list[tuple[str, str]]
) -> None:
    client = replicas[0].client
    ada, bob = people(2)
    declined = (await invite(client, ada, [bob], "crazy_eights")).body["id"]
    await answer(client, bob, declined, "decline")
    table = await sit_down(client, [ada, bob], "crazy_eights")
    await table.play_out(random.Random(9), moves=3)
    await table.forfeit(ada)
    await until(lambda: ("game.finished", table.game_id) in told, seconds=15)
    assert [type_ for type_, key in told if key == declined] == [
        "game.invited",
        "game.invite_declined",
    ]
    assert [type_ for type_, key in told if key == table.game_id] == [
        "game.started",
        *["game.advanced"] * 4,
        "game.finished",
    ]


async def test_an_unanswered_invite_is_told_to_have_expired(
    processes: GameProcesses, worker: GameProcess, people: People, told: list[tuple[str, str]]
) -> None:
    hasty = await processes.start("api", GAME_INVITE_TTL="PT0.2S")
    ada, bob = people(2)
    made = await invite(hasty.client, ada, [bob], "crazy_eights")
    await until(lambda: ("game.invite_expired", made.body["id"]) in told, seconds=15)


async def test_a_disabled_account_leaves_the_table_wherever_it_sits(
    replicas: list[GameProcess],
    people: People,
    http: aiohttp.ClientSession,
    kafka_bootstrap: str,
) -> None:
    table = await sit_down(replicas[0].client, people(2), "crazy_eights")
    ada, bob = table.players
    data = {
        "account_id": str(ada.id),
        "role": "customer",
        "status": "disabled",
        "display_name": ada.display_name,
        "email": ada.email,
        "version": 2,
    }
    event = envelope(
        event_id=new_id(),
        topic="identity.events",
        key=str(ada.id),
        type_="account.disabled",
        time=now(),
        data=json.dumps(data).encode(),
        request_id=None,
        traceparent=None,
    )
    async with (
        seat(http, replicas[1].url, table.game_id, ada) as mine,
        seat(http, replicas[0].url, table.game_id, bob) as theirs,
    ):
        await mine.welcomed()
        await theirs.welcomed()
        producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait("identity.events", event, key=str(ada.id).encode())
        finally:
            await producer.stop()
        assert await mine.closed() == 4403
        await theirs.until(
            lambda: "game.finished" in [one["event"]["type"] for one in theirs.events],
            seconds=20,
        )
    board = await table.get(bob, "/scoreboard")
    assert (board["status"], board["winner_ids"]) == ("abandoned", [str(bob.id)])
