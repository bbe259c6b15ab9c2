"""Nobody is sent a card that their seat may not see, in any byte of a whole game.

Bots play random games while every player also listens on a socket. Then the game is replayed from
its seed by the rules alone, which say what each seat could know after each move; what was really
received, over both channels, must hold no card beyond that. Kafka gets no card at all.
"""

import json
import random
import re
from bisect import bisect_right
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import orjson
import pytest
from factories.card_tables import CardTable, seat, sit_down
from factories.identity_stand_in import User
from factories.running_api import RunningApi
from parlor_game.table_options import for_rules
from parlor_rules.catalog import GAMES
from parlor_rules.moves import play_from_body

pytestmark = pytest.mark.integration

CARD = re.compile(r"(?<![0-9A-Za-z])[2-9TJQKA][CDHS](?![0-9A-Za-z])")

TABLES = [
    ("crazy_eights", 2, {}),
    ("crazy_eights", 3, {"special_cards": True}),
    ("crazy_eights", 5, {}),
    ("hearts", 4, {}),
    ("hearts", 4, {"pass_cards": False}),
]


def cards(received: str) -> set[str]:
    return set(CARD.findall(received))


class Knowledge:
    """What each seat could know at each seq of the stream, by the rules."""

    def __init__(self, seats: int) -> None:
        self._seqs: list[int] = []
        self._known: list[list[set[str]]] = [[] for _ in range(seats)]

    def learn(self, seq: int, shown: list[Any]) -> None:
        self._seqs.append(seq)
        for number, known in enumerate(self._known):
            known.append((known[-1] if known else set()) | cards(repr(shown[number])))

    def at(self, seq: int, number: int) -> set[str]:
        return self._known[number][bisect_right(self._seqs, seq) - 1]


async def knowledge(rows: asyncpg.Connection, table: CardTable) -> Knowledge:
    game_id = UUID(table.game_id)
    row = await rows.fetchrow("SELECT * FROM games WHERE id = $1", game_id)
    log = await rows.fetch("SELECT * FROM game_moves WHERE game_id = $1 ORDER BY number", game_id)
    rules = GAMES[row["game"]]
    seats = range(row["seats"])
    state = rules.deal(bytes(row["seed"]), len(seats), for_rules(orjson.loads(row["options"])))
    found = Knowledge(len(seats))

    def learn(seq: int, events: Any) -> None:
        told = [[event.seen_from(number) for event in events] for number in seats]
        found.learn(seq, [(told[number], rules.view(state, number)) for number in seats])

    learn(0, rules.opening(state))
    before = await rows.fetchval(
        "SELECT count(*) FROM game_events WHERE game_id = $1 AND type IN "
        "('game.dealt', 'game.turn') AND seq <= 2",
        game_id,
    )
    assert before == 2
    for move in log:
        outcome = rules.apply(state, move["seat"], play_from_body(orjson.loads(move["play"])))
        state = outcome.state
        # The events of a move end at its seq; none of them may be known before its first.
        learn(move["seq"] - len(outcome.events) + 1, outcome.events)
    assert rules.finished(state)
    return found


@pytest.mark.parametrize(("name", "seats", "options"), TABLES)
async def test_no_seat_receives_a_card_that_it_may_not_see(
    game: RunningApi,
    people: Callable[[int], list[User]],
    http: aiohttp.ClientSession,
    rows: asyncpg.Connection,
    name: str,
    seats: int,
    options: dict[str, bool],
) -> None:
    table = await sit_down(game.public, people(seats), name, **options)
    answers: list[tuple[int, Any]] = []

    def seen(player: User, body: Any) -> None:
        answers.append((table.players.index(player), body))

    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(seat(http, game.public._base, table.game_id, player))
            for player in table.players
        ]
        epoch = (await table.get(table.players[0]))["epoch"]
        await table.play_out(random.Random(seats), seen=seen)
        last = (await table.get(table.players[0]))["seq"]
        for socket in sockets:
            await socket.reached(last)
        replays = [
            await stack.enter_async_context(
                seat(http, game.public._base, table.game_id, player, epoch=epoch, since=0)
            )
            for player in table.players
        ]
        for replay in replays:
            await replay.reached(last)
        for number, player in enumerate(table.players):
            answers.append((number, await table.get(player)))
            board = await table.get(player, "/scoreboard")
            assert not cards(repr(board))

    known = await knowledge(rows, table)
    checked = 0
    for number in range(seats):
        for raw in (*sockets[number].raw, *replays[number].raw):
            frame = json.loads(raw)
            seq = frame["seq"]
            assert not cards(raw) - known.at(seq, number), frame
            checked += 1
    for number, body in answers:
        view = body.get("view", body)
        assert not cards(repr(body)) - known.at(view["seq"], number)
        assert cards(repr(view["your_hand"])) == set(view["your_hand"])
    assert checked > 20 * seats

    told = await rows.fetch("SELECT data FROM outbox WHERE key = $1", table.game_id)
    assert told
    assert not [row["data"] for row in told if cards(row["data"])]


async def test_the_seed_leaves_the_database_in_no_answer(
    game: RunningApi,
    people: Callable[[int], list[User]],
    http: aiohttp.ClientSession,
    rows: asyncpg.Connection,
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights")
    seed = bytes(await rows.fetchval("SELECT seed FROM games WHERE id = $1", UUID(table.game_id)))
    async with seat(http, game.public._base, table.game_id, table.players[0]) as socket:
        await socket.welcomed()
        await table.forfeit(table.players[1])
        await socket.until(lambda: bool(socket.events))
        received = "".join(socket.raw)
    for what in ("", "/scoreboard", "/reconnect-token"):
        received += json.dumps(await table.get(table.players[0], what))
    assert seed.hex() not in received
    assert "seed" not in received
