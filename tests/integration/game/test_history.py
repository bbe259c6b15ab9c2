"""The list of one's games: only one's own, newest first, of a status or a game, page by page."""

import random
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from factories.card_tables import sit_down
from factories.identity_stand_in import User
from factories.running_api import RunningApi
from parlor_game.api.schemas import GamePage

pytestmark = pytest.mark.integration


async def listed(running: RunningApi, user: User, **query: Any) -> dict[str, Any]:
    reply = await running.public.call(
        "GET", "/api/v1/games", headers=user.authorization, params=query
    )
    assert reply.status == 200, reply.body
    GamePage.model_validate_json(orjson.dumps(reply.body))
    body: dict[str, Any] = reply.body
    return body


async def all_pages(running: RunningApi, user: User, **query: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await listed(running, user, **query, **({"cursor": cursor} if cursor else {}))
        found += [one["game_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_the_list_is_refused_without_a_token_and_to_unknown_words(
    game: RunningApi, people: Callable[[int], list[User]]
) -> None:
    (ada,) = people(1)
    reply = await game.public.call("GET", "/api/v1/games")
    assert (reply.status, reply.code) == (401, "unauthenticated")
    for query in ({"status": "won"}, {"cursor": "x"}, {"limit": 0}, {"user_id": str(ada.id)}):
        reply = await game.public.call(
            "GET", "/api/v1/games", headers=ada.authorization, params=query
        )
        assert (reply.status, reply.code) == (422, "validation_failed"), query


async def test_one_s_games_are_found_by_status_and_game_with_their_end(
    game: RunningApi, people: Callable[[int], list[User]]
) -> None:
    ada, bob, cid, dan = people(4)
    table = await sit_down(game.public, [ada, bob], "crazy_eights", special_cards=True)
    ended = await sit_down(game.public, [bob, ada], "crazy_eights")
    await ended.play_out(random.Random(2))
    given_up = await sit_down(game.public, [ada, bob, cid, dan], "hearts")
    await given_up.forfeit(cid)
    others = await sit_down(game.public, [bob, cid], "crazy_eights")

    newest_first = [given_up.game_id, ended.game_id, table.game_id]
    assert await all_pages(game, ada) == newest_first
    for status, wanted in (
        ("active", [table.game_id]),
        ("finished", [ended.game_id]),
        ("abandoned", [given_up.game_id]),
    ):
        assert await all_pages(game, ada, status=status) == wanted
    assert await all_pages(game, ada, game="hearts") == [given_up.game_id]
    assert await all_pages(game, ada, game="bridge") == []
    assert others.game_id not in await all_pages(game, ada)
    assert await all_pages(game, dan) == [given_up.game_id]

    hearts, finished, active = (await listed(game, ada))["items"]
    board = await ended.get(ada, "/scoreboard")
    assert finished["winner_ids"] == board["winner_ids"]
    assert [
        {name: player[name] for name in ("user_id", "seat", "score", "rank")}
        for player in finished["players"]
    ] == board["players"]
    assert finished["finished_at"] > finished["created_at"]
    assert (active["finished_at"], active["winner_ids"]) == (None, [])
    assert active["options"]["special_cards"] is True
    assert {player["rank"] for player in active["players"]} == {None}
    assert [player["rank"] for player in hearts["players"]][2] == 4


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_have_every_game_once_also_when_new_ones_come_meanwhile(
    game: RunningApi, people: Callable[[int], list[User]], limit: int
) -> None:
    ada, bob = people(2)
    dealt = [(await sit_down(game.public, [ada, bob], "crazy_eights")).game_id for _ in range(5)]
    page = await listed(game, ada, limit=limit)
    await sit_down(game.public, [ada, bob], "crazy_eights")
    found = [one["game_id"] for one in page["items"]]
    while page["next_cursor"] is not None:
        page = await listed(game, ada, limit=limit, cursor=page["next_cursor"])
        found += [one["game_id"] for one in page["items"]]
    assert found == dealt[::-1]
