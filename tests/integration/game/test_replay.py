"""The past of a game from one seat: its log page by page, and its table after any move."""

import random
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson
import pytest
from factories.card_tables import CardTable, choose, seat, sit_down
from factories.identity_stand_in import User
from factories.running_api import RunningApi
from parlor_game.api.schemas import GameEventPage, ReplayedStep
from parlor_rules.catalog import GAMES

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]


async def log_of(table: CardTable, player: User, limit: int = 50) -> list[dict[str, Any]]:
    """Every event, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await table.get(player, f"/events?limit={limit}{cursor}")
        GameEventPage.model_validate_json(orjson.dumps(page))
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == limit
        cursor = f"&cursor={page['next_cursor']}"


def at_that_time(view: dict[str, Any]) -> dict[str, Any]:
    """A view without what a replay does not know: who was there, and what time they had."""
    players = [player | {"connected": None, "reconnect_by": None} for player in view["players"]]
    return view | {"players": players, "deadline": None, "reserves": None}


async def test_the_log_is_what_the_socket_sent_to_that_seat(
    game: RunningApi, people: People, http: aiohttp.ClientSession
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights")
    epoch = (await table.get(table.players[0]))["epoch"]
    await table.play_out(random.Random(1), moves=25)
    last = (await table.get(table.players[0]))["seq"]
    logs = []
    for player in table.players:
        async with seat(
            http, game.public._base, table.game_id, player, epoch=epoch, since=0
        ) as socket:
            await socket.reached(last)
            sent = [
                {name: frame[name] for name in ("seq", "at", "event")}
                for frame in socket.events
                if frame["seq"] <= last
            ]
        logs.append(await log_of(table, player, limit=7))
        assert logs[-1][: len(sent)] == sent
        later = await table.get(player, f"/events?since={last - 3}&limit=3")
        assert later["items"] == sent[-3:]
    assert logs[0] != logs[1]
    nothing = await table.get(table.players[0], "/events?since=100000")
    assert nothing == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("name", list(GAMES))
async def test_every_step_is_the_view_that_the_seat_had(
    game: RunningApi, people: People, name: str
) -> None:
    table = await sit_down(
        game.public,
        people(GAMES[name].seats[-1]),
        name,
        turn_seconds=600,
        target_score=10_000,  # one deal may be over after four moves
    )
    watcher, rng = table.players[-1], random.Random(2)
    views = [await table.get(watcher)]
    for _ in range(12):
        player, view = await table.next_to_move()
        await table.play(player, choose(rng, view["legal_plays"]))
        views.append(await table.get(watcher))
    told = []
    for number, view in enumerate(views):
        step = await table.get(watcher, f"/replay?step={number}")
        ReplayedStep.model_validate_json(orjson.dumps(step))
        assert (step["step"], step["steps"], step["hands"]) == (number, 12, None)
        assert at_that_time(step["view"]) == at_that_time(view)
        assert step["at"] == step["events"][-1]["at"]
        told += step["events"]
    assert told == await log_of(table, watcher)


async def test_all_hands_are_shown_once_the_game_is_over(game: RunningApi, people: People) -> None:
    table = await sit_down(game.public, people(3), "crazy_eights")
    hands = {str(user.id): (await table.get(user))["your_hand"] for user in table.players}
    assert (await table.get(table.players[0], "/replay"))["hands"] is None
    await table.play_out(random.Random(3), moves=5)
    await table.forfeit(table.players[1])
    for user in table.players:
        step = await table.get(user, "/replay?step=0")
        assert step["hands"] == hands
        assert step["view"]["your_hand"] == hands[str(user.id)]
    end = await table.get(table.players[0], "/replay?step=6")
    assert end["view"]["status"] == "abandoned"
    for player in end["view"]["players"]:
        assert len(end["hands"][player["user_id"]]) == player["hand_size"]


async def test_only_players_see_the_past_and_only_what_there_is_of_it(
    game: RunningApi, people: People
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights")
    (eve,) = people(1)
    for what in ("/events", "/replay", "/replay?step=99"):
        reply = await game.public.call("GET", table.path + what, headers=eve.authorization)
        assert (reply.status, reply.code) == (404, "not_found")
    for what, field in (
        ("/replay?step=1", "step"),
        ("/replay?step=-1", "step"),
        ("/events?cursor=x", "cursor"),
        ("/events?since=-1", "since"),
        ("/events?limit=0", "limit"),
    ):
        reply = await game.public.call(
            "GET", table.path + what, headers=table.players[0].authorization
        )
        assert (reply.status, reply.code) == (422, "validation_failed")
        assert [error["field"] for error in reply.body["errors"]] == [field]
