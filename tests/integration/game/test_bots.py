"""Practice partners: seated by an invite, played by any number of processes, one play a turn."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import aiohttp
import asyncpg
import orjson
import pytest
from factories.card_tables import CardTable, answer, choose, invite, seat, sit_down
from factories.customer_stand_in import CustomerStandIn
from factories.game_processes import game_processes
from factories.identity_stand_in import IdentityStandIn, User
from factories.polling import until, until_true
from factories.running import running
from factories.running_api import RunningApi
from parlor_dev.roles import DatabaseAccess
from parlor_game.bots import seated
from parlor_game.usecases.load_table import Tables
from parlor_game.usecases.play_bots import PlayBots
from parlor_kit.database import Database
from parlor_kit.ids import new_id
from parlor_rules.bots import Level, Strategy, strategy
from parlor_rules.protocol import Play, View

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]


def bots_of(game: RunningApi, strategy_of: Callable[[str, Level], Strategy] = strategy) -> PlayBots:
    """What a process of bots runs, in this process and on the same database."""
    database: Database = game.api.services.database
    return PlayBots(database, Tables(database), strategy_of)


async def person_plays(table: CardTable, rng: random.Random, *, moves: int = 2000) -> None:
    """The one person plays to the end."""
    person = table.players[0]
    for _ in range(moves):
        async with asyncio.timeout(30):
            while True:
                view = await table.get(person)
                if view["turn"] is None or view["turn"] == str(person.id):
                    break
                await asyncio.sleep(0.02)
        if view["turn"] is None:
            return
        reply = await table.play(person, choose(rng, view["legal_plays"]))
        assert reply.status == 200, reply.body
    raise AssertionError(f"the game has not ended after {moves} moves")


async def test_bots_that_make_no_table_are_refused(game: RunningApi, people: People) -> None:
    (ada,) = people(1)
    for levels in ([], ["easy"] * 5, ["expert"], ["easy", "easy", 3]):
        reply = await invite(game.public, ada, [], "crazy_eights", bots=levels)  # type: ignore[arg-type]
        assert (reply.status, reply.code) == (422, "validation_failed"), levels


async def test_a_bot_cannot_be_invited_as_if_it_were_a_person(
    game: RunningApi, people: People, customer: CustomerStandIn
) -> None:
    (ada,) = people(1)
    (bot,) = seated(["good"])
    customer.part(ada.id, bot)  # nobody has a relationship with a bot
    reply = await game.public.call(
        "POST",
        "/api/v1/games/invites",
        headers=ada.authorization,
        json={"game": "crazy_eights", "invitee_ids": [str(bot)]},
    )
    assert (reply.status, reply.code) == (403, "not_entitled")


async def test_with_bots_alone_the_cards_are_dealt_at_once(
    game: RunningApi, people: People, rows: asyncpg.Connection, customer: CustomerStandIn
) -> None:
    (ada,) = people(1)
    asked = len(customer.asked)
    levels: list[Level] = ["good", "easy", "good"]
    bots = seated(levels)
    made = await invite(game.public, ada, [], "hearts", bots=levels, key="practice")
    assert (made.status, made.body["status"]) == (201, "accepted")
    assert made.body["bots"] == levels
    assert made.body["invitees"] == []
    table = CardTable(game.public, made.body["game_id"], [ada])
    view = await table.get(ada)
    assert [(one["user_id"], one["bot"], one["connected"]) for one in view["players"]] == [
        (str(ada.id), None, False),
        *((str(bot), level, True) for bot, level in zip(bots, levels, strict=True)),
    ]
    assert len(set(bots)) == 3
    again = await invite(game.public, ada, [], "hearts", bots=levels, key="practice")
    assert again.body == made.body
    assert len(customer.asked) == asked, "there is nobody to be entitled to"
    told = await rows.fetch(
        "SELECT type, data FROM outbox WHERE key = ANY($1)", [made.body["id"], table.game_id]
    )
    assert [row["type"] for row in told] == ["game.started"], "nobody was invited"
    assert orjson.loads(told[0]["data"])["bot_ids"] == [str(bot) for bot in bots]


async def test_people_and_bots_sit_at_one_table_once_the_people_have_accepted(
    game: RunningApi, people: People
) -> None:
    ada, bob = people(2)
    made = await invite(game.public, ada, [bob], "crazy_eights", bots=["easy"])
    assert (made.status, made.body["status"], made.body["bots"]) == (201, "pending", ["easy"])
    accepted = await answer(game.public, bob, made.body["id"], "accept")
    assert accepted.body["status"] == "accepted"
    view = await CardTable(game.public, accepted.body["game_id"], [ada, bob]).get(bob)
    assert [one["bot"] for one in view["players"]] == [None, None, "easy"]


@pytest.mark.parametrize(
    ("name", "levels"),
    [("crazy_eights", ["good"]), ("crazy_eights", ["easy", "good"]), ("hearts", ["good"] * 3)],
)
async def test_a_person_plays_a_whole_game_against_bots(
    game: RunningApi, people: People, name: str, levels: list[str]
) -> None:
    async with running(bots_of(game).run()):
        table = await sit_down(game.public, people(1), name, bots=levels)
        await person_plays(table, random.Random(7))
    board = await table.get(table.players[0], "/scoreboard")
    assert board["status"] == "finished"


class Watched:
    """A strategy that keeps what it was given, and plays as the real one."""

    def __init__(self) -> None:
        self.given: list[tuple[View, Sequence[Play]]] = []
        self.seeds: set[bytes] = set()

    def strategy_of(self, game: str, level: Level) -> Strategy:
        def choose_play(view: View, legal_plays: Sequence[Play], seed: bytes) -> Play:
            self.given.append((view, legal_plays))
            self.seeds.add(seed)
            return strategy(game, level)(view, legal_plays, seed)

        return choose_play


async def test_a_bot_is_given_the_view_of_its_own_seat_and_nothing_else(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    watched = Watched()
    async with running(bots_of(game, watched.strategy_of).run()):
        table = await sit_down(game.public, people(1), "hearts", bots=["good", "easy", "good"])
        await person_plays(table, random.Random(3))
    ours = await rows.fetch(
        "SELECT seat FROM game_moves WHERE game_id = $1 AND seat > 0", UUID(table.game_id)
    )
    assert len(watched.given) == len(watched.seeds) == len(ours)
    for view, legal in watched.given:
        assert view["turn"] is not None
        assert view["turn"] > 0
        assert view["legal_plays"] == [play.body() for play in legal]
        assert len(view["your_hand"]) == view["hand_sizes"][view["turn"]]
        assert set(view) == set(View.__annotations__)


async def test_a_strategy_that_fails_is_replaced_by_any_legal_play(
    game: RunningApi, people: People
) -> None:
    def broken(_: str, __: Level) -> Strategy:
        def choose_play(view: View, legal_plays: Sequence[Play], seed: bytes) -> Play:
            if len(view["your_hand"]) % 2:
                raise ValueError("no idea")
            return Play("play", "XX")

        return choose_play

    async with running(bots_of(game, broken).run()):
        table = await sit_down(game.public, people(1), "crazy_eights", bots=["good"])
        await person_plays(table, random.Random(5))


async def test_any_number_of_bot_processes_make_each_play_once(
    game: RunningApi, people: People, rows: asyncpg.Connection, http: aiohttp.ClientSession
) -> None:
    """Three of them on four tables, with people who watch every event."""
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(running(bots_of(game).run()))
        tables = [
            await sit_down(game.public, people(1), "crazy_eights", bots=["good"]) for _ in range(4)
        ]
        sockets = [
            await stack.enter_async_context(
                seat(http, game.public._base, table.game_id, table.players[0])
            )
            for table in tables
        ]
        await asyncio.gather(
            *(person_plays(table, random.Random(n)) for n, table in enumerate(tables))
        )
        for table, socket in zip(tables, sockets, strict=True):
            # Nothing carries events to this process here: what the socket lacks is read again.
            last = (await table.get(table.players[0]))["seq"]
            game.api.services.hub.wake(UUID(table.game_id), last)
            await socket.reached(last)
            seqs = [frame["seq"] for frame in socket.events]
            assert seqs == list(range(seqs[0], last + 1))
            numbers = await rows.fetch(
                "SELECT number FROM game_moves WHERE game_id = $1 ORDER BY number",
                UUID(table.game_id),
            )
            assert [row["number"] for row in numbers] == list(range(1, len(numbers) + 1))


async def test_a_game_whose_row_is_locked_is_passed_over_and_found_later(
    game: RunningApi, people: People, database_access: DatabaseAccess
) -> None:
    playing = bots_of(game)
    table = await sit_down(game.public, people(1), "crazy_eights", bots=["good"])
    person = table.players[0]
    while (view := await table.get(person))["turn"] == str(person.id):
        await table.play(person, choose(random.Random(1), view["legal_plays"]))
    holder = await asyncpg.connect(database_access.app_url)
    try:
        async with holder.transaction():
            await holder.execute(
                "SELECT 1 FROM games WHERE id = $1 FOR UPDATE", UUID(table.game_id)
            )
            async with asyncio.timeout(5):
                assert await playing.play_turns([UUID(table.game_id)]) == 0
    finally:
        await holder.close()
    assert (await table.get(person))["seq"] == view["seq"]
    assert await playing.play_turns([UUID(table.game_id)]) == 1
    assert (await table.get(person))["seq"] > view["seq"]


async def test_a_game_that_was_passed_over_is_found_however_much_is_told_of_others(
    game: RunningApi, people: People, database_access: DatabaseAccess
) -> None:
    table = await sit_down(game.public, people(1), "crazy_eights", bots=["good"])
    person = table.players[0]
    while (view := await table.get(person))["turn"] == str(person.id):
        await table.play(person, choose(random.Random(1), view["legal_plays"]))
    holder, crier = [await asyncpg.connect(database_access.app_url) for _ in range(2)]
    cries = 0

    async def cry() -> None:
        nonlocal cries
        while True:
            await crier.execute("SELECT pg_notify('bots', $1)", str(new_id()))
            cries += 1
            await asyncio.sleep(0.02)

    async def bot_has_played() -> bool:
        return bool((await table.get(person))["seq"] > view["seq"])

    try:
        async with AsyncExitStack() as stack:
            async with holder.transaction():
                await holder.execute(
                    "SELECT 1 FROM games WHERE id = $1 FOR UPDATE", UUID(table.game_id)
                )
                await stack.enter_async_context(running(bots_of(game).run()))
                await stack.enter_async_context(running(cry()))
                await until(lambda: cries > 20)
                assert not await bot_has_played()
            await until_true(bot_has_played, seconds=30)
    finally:
        await holder.close()
        await crier.close()


async def test_bots_go_on_when_their_process_is_killed_in_the_middle(
    game: RunningApi,
    people: People,
    database_access: DatabaseAccess,
    identity: IdentityStandIn,
    http: aiohttp.ClientSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    environment = {
        "PARLOR_DATABASE_URL": database_access.app_url,
        "PARLOR_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "PARLOR_JWKS_URL": identity.jwks_url,
    }
    async with game_processes(environment, tmp_path_factory.mktemp("bots"), http) as processes:
        first, second = [await processes.start("bots") for _ in range(2)]
        tables = [
            await sit_down(game.public, people(1), "crazy_eights", bots=["good"]) for _ in range(3)
        ]
        playing = [
            asyncio.create_task(person_plays(table, random.Random(n)))
            for n, table in enumerate(tables)
        ]

        async def under_way() -> bool:
            views = [await table.get(table.players[0]) for table in tables]
            return any(view["seq"] > 12 for view in views)

        await until_true(under_way)
        await first.kill()
        await asyncio.gather(*playing)
        assert await second.stop() == 0
    for table in tables:
        board = await table.get(table.players[0], "/scoreboard")
        assert board["status"] == "finished"
