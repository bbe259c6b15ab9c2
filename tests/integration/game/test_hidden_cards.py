"""Nobody is sent a card that their seat may not see, nor what the cards were made from.

Bots play whole games of every kind. Every player listens on a socket and asks for everything that
there is to ask for, allowed or not; each byte of each answer, each frame and each Kafka record is
kept. Then the game is replayed by the rules alone, which say what each seat could know at each
moment: what was received must hold no card beyond that, and no trace of the server's seed.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from factories.card_tables import CardTable, Seat, choose, seat, sit_down
from factories.everything_received import Ears, Received, cards, knowledge, secrets_of, written
from factories.identity_stand_in import User
from factories.polling import until
from factories.running_api import RunningApi
from parlor_game.settings import GameSettings
from parlor_kit.events import Schemas
from parlor_kit.kafka import Brokers
from parlor_kit.relay import Relay
from parlor_rules.cards import DECK
from parlor_rules.catalog import GAMES

pytestmark = pytest.mark.integration

TABLES: list[tuple[str, int, dict[str, Any]]] = [
    *((name, game.seats[-1], {}) for name, game in GAMES.items()),
    ("crazy_eights", 2, {"special_cards": True, "target_score": 100}),
    ("hearts", 4, {"pass_cards": False}),
]


@pytest.fixture(scope="module")
async def published(
    game: RunningApi, settings: GameSettings, kafka_bootstrap: str
) -> AsyncIterator[list[bytes]]:
    """Every record on game.events as it lies on the broker: key, value and headers."""
    relay = Relay(
        game.api.services.database, Schemas(settings.parlor_schemas_dir), Brokers(kafka_bootstrap)
    )
    consumer = AIOKafkaConsumer(
        "game.events", bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    records: list[bytes] = []

    async def read() -> None:
        async for record in consumer:
            headers = b"".join(name.encode() + value for name, value in record.headers)
            records.append((record.key or b"") + record.value + headers)

    tasks = [asyncio.create_task(relay.run()), asyncio.create_task(read())]
    try:
        yield records
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await consumer.stop()


async def ask_for_everything(ears: Ears, rng: random.Random, view: dict[str, Any]) -> None:
    """Whatever curious players may try in one moment of the game: two of them, one thing each."""
    seq = view["seq"]
    tries: Sequence[tuple[str, str, Any]] = (
        ("GET", "", None),
        ("GET", "/scoreboard", None),
        ("GET", "/proof", None),
        ("GET", "/reconnect-token", None),
        ("GET", f"/events?since={max(0, seq - rng.randrange(20))}", None),
        ("GET", f"/replay?step={rng.randrange(12)}", None),
        ("POST", "/play", {"action": "pass", "expected_seq": 0}),
        ("POST", "/play", {"action": "pass_cards", "cards": []}),
        ("POST", "/play", {"card": "no"}),
        ("POST", "/play", {"seed": "?"}),
    )
    for place in rng.sample(range(len(ears.players)), 2):
        method, what, body = rng.choice(tries)
        await ears.of_game(place, what, method, body)


async def play_and_listen(
    table: CardTable, ears: Ears, rng: random.Random, moves: int = 120
) -> int:
    """Play to the end, or so many moves and then give up; how many were made."""
    for made in range(moves):
        _, view = await ears.of_game(0)
        ears.stood_at(view["seq"])
        if view["turn"] is None:
            return made
        await ask_for_everything(ears, rng, view)
        mover = table.players.index(table.player(view["turn"]))
        _, own = await ears.of_game(mover)
        body = choose(rng, own["legal_plays"]) | {"expected_seq": own["seq"]}
        ears.stood_at(own["seq"])
        status, played = await ears.of_game(mover, "/play", "POST", body)
        assert status == 200, played
        ears.stood_at(played["seq"])
    await ears.of_game(0, "/forfeit", "POST")
    ears.stood_at(2**62)
    return moves


def assert_no_secret(texts: Sequence[str], secrets: Sequence[bytes]) -> None:
    everything = "\n".join(texts)
    for secret in secrets:
        for form in written(secret):
            assert form not in everything


@pytest.mark.parametrize(("name", "seats", "options"), TABLES)
async def test_no_seat_receives_what_it_may_not_know(
    game: RunningApi,
    people: Callable[[int], list[User]],
    http: aiohttp.ClientSession,
    rows: asyncpg.Connection,
    published: list[bytes],
    name: str,
    seats: int,
    options: dict[str, Any],
) -> None:
    table = await sit_down(game.public, people(seats), name, **options)
    ears = Ears(game.public._base, http, table.game_id, table.players)
    game_id = UUID(table.game_id)
    async with AsyncExitStack() as stack:

        async def listen(player: User, **query: str | int) -> Seat:
            taken = seat(http, ears.base, table.game_id, player, **query)
            return await stack.enter_async_context(taken)

        sockets = [await listen(player) for player in table.players]
        moves = await play_and_listen(table, ears, random.Random(seats))
        view = await table.get(table.players[0])
        before_the_end = list(ears.received)
        replays = [await listen(player, epoch=view["epoch"], since=0) for player in table.players]
        for socket in (*sockets, *replays):
            await socket.reached(view["seq"])
        for place in range(seats):
            for what in ("", "/scoreboard", "/events?limit=200", "/events?since=40&limit=200"):
                await ears.of_game(place, what)
            for path in ("/api/v1/games", "/api/v1/games/invites"):
                await ears.ask(place, "GET", path)
        ears.stood_at(view["seq"])

    known = await knowledge(rows, game_id)
    for place in range(seats):
        for raw in (*sockets[place].raw, *replays[place].raw):
            frame = json.loads(raw)
            assert not cards(raw) - known.at(frame["seq"], place), frame
    for one in ears.received:
        assert_known(one, known)
    secrets = await secrets_of(rows, game_id)
    frames = [raw for socket in (*sockets, *replays) for raw in socket.raw]
    answers = [one.head + one.body for one in ears.received]
    assert_no_secret([*frames, *answers], secrets)
    assert moves > 0
    assert len(before_the_end) >= 5 * moves

    def of_this_game() -> list[str]:
        return [record.decode() for record in published if table.game_id.encode() in record]

    await until(lambda: any("game.finished" in record for record in of_this_game()), seconds=30)
    mine = of_this_game()
    assert len(mine) > moves
    assert not [record for record in mine if cards(record)]
    assert_no_secret(mine, secrets)

    # And this test can see a secret and a card where there is one.
    told = json.dumps(await table.get(table.players[0], "/proof"))
    with pytest.raises(AssertionError):
        assert_no_secret([told], secrets)
    hidden = json.dumps({"card": min(set(DECK) - known.at(0, 0))})
    with pytest.raises(AssertionError):
        assert_known(Received(0, "GET /", "", hidden, 0), known)


def assert_known(one: Received, known: Any) -> None:
    """A view holds what its seat knows of the deal at its seq; a list of the past, of all deals."""
    assert not cards(one.head)
    body = json.loads(one.body)
    allowed = known.until(one.seq, one.seat)
    view = body.get("view", body)
    if "your_hand" in view and "steps" not in body:
        allowed = known.at(view["seq"], one.seat)
        assert cards(repr(view["your_hand"])) == set(view["your_hand"])
    assert not cards(one.body) - allowed, one
    if "steps" in body:
        assert body["hands"] is None or one.seq > body["view"]["seq"]
        assert not cards(repr(view)) - known.at(view["seq"], one.seat), one
