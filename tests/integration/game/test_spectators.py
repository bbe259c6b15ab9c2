"""Spectators: only where all players agreed, with a token of their own, and nothing but what is
public, in any byte that they receive."""

import json
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import orjson
import pytest
from factories.card_tables import CardTable, Seat, sit_down
from factories.identity_stand_in import User
from factories.polling import until_true
from factories.running_api import Reply, RunningApi
from parlor_game.api import watching
from parlor_game.api.schemas import GameView, SpectatorTokenView, WatchTicketView
from parlor_game.table_options import for_rules
from parlor_game.usecases.issue_spectator_token import prune_spectator_tokens
from parlor_game.usecases.issue_watch_ticket import prune_watch_tickets
from parlor_kit.clock import now
from parlor_kit.ids import new_id
from parlor_rules.catalog import GAMES
from parlor_rules.move_log import applied

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
CARD = re.compile(r"(?<![0-9A-Za-z])[2-9TJQKA][CDHS](?![0-9A-Za-z])")


async def ask_for_token(
    game: RunningApi, game_id: str, user: User | None, key: str | None = None
) -> Reply:
    return await game.public.call(
        "POST",
        f"/api/v1/games/{game_id}/spectator-token",
        headers=user.authorization if user else {},
        key=key,
    )


async def token_of(game: RunningApi, table: CardTable) -> str:
    reply = await ask_for_token(game, table.game_id, table.players[-1])
    assert reply.status == 201, reply.body
    return str(reply.body["token"])


async def watch(game: RunningApi, game_id: str, token: str | None) -> Reply:
    return await ask(game, game_id, token, "watch")


async def ask(game: RunningApi, game_id: str, token: str | None, what: str) -> Reply:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return await game.public.call("GET", f"/api/v1/games/{game_id}/{what}", headers=headers)


async def ticket_of(game: RunningApi, table: CardTable, token: str) -> str:
    reply = await ask(game, table.game_id, token, "watch-ticket")
    assert reply.status == 200, reply.body
    return str(reply.body["token"])


@asynccontextmanager
async def place(
    http: aiohttp.ClientSession, game: RunningApi, game_id: str, token: str, **query: str | int
) -> AsyncIterator[Seat]:
    """The socket of a spectator who can send headers."""
    url = f"{game.public._base}/api/v1/games/{game_id}/watch/ws"
    headers = {"authorization": f"Bearer {token}"}
    async with http.ws_connect(url, headers=headers, params=query) as socket:
        taken = Seat(socket)
        try:
            yield taken
        finally:
            await taken.leave()


async def test_without_a_token_of_this_game_nobody_watches(
    game: RunningApi, people: People, http: aiohttp.ClientSession
) -> None:
    ada, bob, cid, dan = people(4)
    table = await sit_down(game.public, [ada, bob], "crazy_eights", spectators=True)
    other = await sit_down(game.public, [cid, dan], "crazy_eights", spectators=True)
    foreign = await token_of(game, other)
    reconnect = (await table.get(ada, "/reconnect-token"))["token"]
    for token in (None, "", "guess", foreign, reconnect):
        reply = await watch(game, table.game_id, token)
        assert (reply.status, reply.code) == (401, "unauthenticated")
        ticket = await ask(game, table.game_id, token, "watch-ticket")
        assert (ticket.status, ticket.code) == (401, "unauthenticated")
        async with place(http, game, table.game_id, token or "") as socket:
            assert await socket.closed() == 4401
            assert socket.raw == []
    reply = await watch(game, str(new_id()), foreign)
    assert (reply.status, reply.code) == (401, "unauthenticated")


async def test_a_spectator_token_opens_nothing_else(
    game: RunningApi, people: People, http: aiohttp.ClientSession
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights", spectators=True)
    token = await token_of(game, table)
    for what in ("", "/scoreboard", "/proof", "/events", "/reconnect-token"):
        reply = await game.public.call(
            "GET", table.path + what, headers={"authorization": f"Bearer {token}"}
        )
        assert (reply.status, reply.code) == (401, "unauthenticated"), what
    async with http.ws_connect(
        f"{game.public._base}{table.path}/ws", params={"token": token}
    ) as socket:
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4401


async def test_only_a_player_gets_a_token_to_hand_out(game: RunningApi, people: People) -> None:
    ada, bob, eve = people(3)
    table = await sit_down(game.public, [ada, bob], "crazy_eights", spectators=True)
    assert (await ask_for_token(game, table.game_id, None)).status == 401
    assert (await ask_for_token(game, table.game_id, eve)).status == 404
    assert (await ask_for_token(game, str(new_id()), ada)).status == 404
    reply = await ask_for_token(game, table.game_id, bob)
    assert reply.status == 201
    SpectatorTokenView.model_validate_json(orjson.dumps(reply.body))
    assert reply.body["ws_url"].endswith(f"/api/v1/games/{table.game_id}/watch/ws")


async def test_a_token_in_a_url_lets_nobody_in(
    game: RunningApi, people: People, http: aiohttp.ClientSession
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights", spectators=True)
    token = await token_of(game, table)
    url = f"/api/v1/games/{table.game_id}/watch"
    reply = await game.public.call("GET", url, params={"token": token})
    assert reply.status != 200
    async with http.ws_connect(
        f"{game.public._base}{url}/ws", params={"token": token}
    ) as connected:
        socket = Seat(connected)
        assert await socket.closed() == 4401
        assert socket.raw == []


async def test_a_ticket_opens_one_socket_of_one_game_within_a_minute(
    game: RunningApi, people: People, http: aiohttp.ClientSession, rows: asyncpg.Connection
) -> None:
    ada, bob = people(2)
    table, other = [
        await sit_down(game.public, [ada, bob], "crazy_eights", spectators=True) for _ in range(2)
    ]
    token = await token_of(game, table)
    reply = await ask(game, table.game_id, token, "watch-ticket")
    WatchTicketView.model_validate_json(orjson.dumps(reply.body))
    elsewhere = reply.body["ws_url"].replace(table.game_id, other.game_id)
    for url, code in (
        (elsewhere, 4401),
        (reply.body["ws_url"], None),
        (reply.body["ws_url"], 4401),
    ):
        async with http.ws_connect(url) as connected:
            socket = Seat(connected)
            if code is None:
                assert (await socket.welcomed())["snapshot"]["your_hand"] == []
                await socket.leave()
            else:
                assert await socket.closed() == code
    late = await ticket_of(game, table, token)
    assert late not in repr(await rows.fetch("SELECT * FROM watch_tickets"))
    await rows.execute("UPDATE watch_tickets SET expires_at = now()")
    url = f"{game.public._base}{table.path}/watch/ws"
    async with http.ws_connect(url, params={"token": late}) as connected:
        assert await Seat(connected).closed() == 4401
    await prune_watch_tickets(game.api.services.database)
    assert await rows.fetchval("SELECT count(*) FROM watch_tickets") == 0


async def test_a_spectators_socket_ends_with_the_token(
    game: RunningApi,
    people: People,
    http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By whichever door it came in. The token is good, but has run out for who looks at the end."""
    table = await sit_down(game.public, people(2), "crazy_eights", spectators=True)
    token = await token_of(game, table)
    url = f"{game.public._base}{table.path}/watch/ws"
    lifetime = game.api.services.spectator_token_ttl

    async def ends(ticket: str) -> bool:
        async with (
            http.ws_connect(url, params={"token": ticket}) as by_ticket,
            place(http, game, table.game_id, token) as by_token,
        ):
            return [await Seat(by_ticket).closed(), await by_token.closed()] == [4401, 4401]

    ticket = await ticket_of(game, table, token)
    async with http.ws_connect(url, params={"token": ticket}) as connected:
        await Seat(connected).welcomed()
    monkeypatch.setattr(watching, "now", lambda: now() + lifetime)
    assert await ends(await ticket_of(game, table, token))
    assert (await watch(game, table.game_id, token)).status == 200


async def test_players_who_did_not_agree_are_not_watched(game: RunningApi, people: People) -> None:
    for options in ({}, {"spectators": False}):
        table = await sit_down(game.public, people(2), "crazy_eights", **options)
        reply = await ask_for_token(game, table.game_id, table.players[0])
        assert (reply.status, reply.code) == (403, "no_spectators")


async def test_the_same_key_gives_the_same_token_and_only_its_hash_is_stored(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights", spectators=True)
    first, again = [
        await ask_for_token(game, table.game_id, table.players[0], key="friends") for _ in range(2)
    ]
    assert (first.status, first.body) == (again.status, again.body)
    stored = await rows.fetch("SELECT * FROM spectator_tokens")
    records = await rows.fetch("SELECT * FROM idempotency_records")
    assert first.body["token"] not in repr([*stored, *records])


async def test_an_expired_token_lets_nobody_in_and_is_forgotten(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights", spectators=True)
    token = await token_of(game, table)
    assert (await watch(game, table.game_id, token)).status == 200
    await rows.execute(
        "UPDATE spectator_tokens SET expires_at = now() WHERE game_id = $1", UUID(table.game_id)
    )
    assert (await watch(game, table.game_id, token)).status == 401
    await prune_spectator_tokens(game.api.services.database)
    left = await rows.fetchval(
        "SELECT count(*) FROM spectator_tokens WHERE game_id = $1", UUID(table.game_id)
    )
    assert left == 0


async def test_a_spectator_can_say_nothing_and_is_nobody_at_the_table(
    game: RunningApi, people: People, http: aiohttp.ClientSession
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights", spectators=True)
    player, view = await table.next_to_move()
    token = await token_of(game, table)
    async with place(http, game, table.game_id, token) as socket:
        await socket.welcomed()
        for kind in ("play", "forfeit"):
            refused = await socket.command(kind, type=kind, **view["legal_plays"][0])
            assert (refused["type"], refused["code"]) == ("error", "validation_failed")
        assert (await socket.command("p", type="ping"))["type"] == "ack"
        now = await table.get(player)
        assert now["seq"] == view["seq"], "nobody has come or gone"


async def public_knowledge(
    rows: asyncpg.Connection, table: CardTable
) -> list[tuple[int, set[str]]]:
    """(seq, cards): what has lain open on the table from each seq on, by the rules alone."""
    game_id = UUID(table.game_id)
    row = await rows.fetchrow("SELECT * FROM games WHERE id = $1", game_id)
    log = await rows.fetch("SELECT * FROM game_moves WHERE game_id = $1 ORDER BY number", game_id)
    rules = GAMES[row["game"]]
    state = rules.deal(bytes(row["seed"]), row["seats"], for_rules(orjson.loads(row["options"])))
    opening = [event.seen_from(None) for event in rules.opening(state)]
    known = set(CARD.findall(repr((opening, rules.view(state, None)))))
    found = [(0, known)]
    for move in log:
        outcome = applied(rules, state, move["seat"], orjson.loads(move["play"]))
        state = outcome.state
        told = [event.seen_from(None) for event in outcome.events]
        known = known | set(CARD.findall(repr((told, rules.view(state, None)))))
        found.append((move["seq"] - len(outcome.events) + 1, known))
    return found


@pytest.mark.parametrize(
    ("name", "seats", "options"),
    [
        ("crazy_eights", 2, {}),
        ("crazy_eights", 4, {"special_cards": True}),
        ("hearts", 4, {}),
    ],
)
async def test_no_spectator_receives_a_card_that_does_not_lie_open(
    game: RunningApi,
    people: People,
    http: aiohttp.ClientSession,
    rows: asyncpg.Connection,
    name: str,
    seats: int,
    options: dict[str, Any],
) -> None:
    table = await sit_down(game.public, people(seats), name, spectators=True, **options)
    token = await token_of(game, table)
    views: list[dict[str, Any]] = []

    async with place(http, game, table.game_id, token) as socket:
        welcome = await socket.welcomed()
        assert welcome["snapshot"]["your_hand"] == []
        for moves in range(10_000):
            reply = await watch(game, table.game_id, token)
            GameView.model_validate_json(orjson.dumps(reply.body))
            views.append(reply.body)
            if await table.play_out(random.Random(moves), moves=3) < 3:
                break
        last = (await table.get(table.players[0]))["seq"]
        await socket.reached(last)
        async with place(
            http, game, table.game_id, token, epoch=welcome["epoch"], since=0
        ) as again:
            await again.reached(last)
            raw = [*socket.raw, *again.raw]
            seqs = [frame["seq"] for frame in again.events]
    assert seqs == list(range(1, last + 1))

    knowledge = await public_knowledge(rows, table)

    def open_at(seq: int) -> set[str]:
        return next(cards for since, cards in reversed(knowledge) if since <= seq)

    for view in views:
        assert view["your_hand"] == []
        assert view["legal_plays"] == []
        assert not any(value for key, value in view["table"].items() if key.startswith("your_"))
        assert not set(CARD.findall(repr(view))) - open_at(view["seq"])
    for text in raw:
        frame = json.loads(text)
        assert not set(CARD.findall(text)) - open_at(frame["seq"]), frame
    assert len(raw) > 2 * 20


async def test_a_spectator_resumes_without_a_hole_when_the_game_goes_on_elsewhere(
    game: RunningApi, people: People, http: aiohttp.ClientSession
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights", spectators=True)
    token = await token_of(game, table)
    async with place(http, game, table.game_id, token) as socket:
        welcome = await socket.welcomed()
    await table.play_out(random.Random(4), moves=3)
    async with place(
        http, game, table.game_id, token, epoch=welcome["epoch"], since=welcome["seq"]
    ) as back:
        assert (await back.welcomed())["recovered"] is True

        async def level() -> bool:
            return bool(back.seq == (await table.get(table.players[0]))["seq"])

        await until_true(level)
