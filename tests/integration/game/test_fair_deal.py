"""The deal is bound before anybody answers, and the log is a chain that players can follow."""

import hashlib
import json
import random
from collections.abc import Callable
from uuid import UUID

import aiohttp
import asyncpg
import pytest
from factories.card_tables import CardTable, answer, invite, seat, sit_down
from factories.identity_stand_in import User
from factories.running_api import Reply, RunningApi
from parlor_game.usecases.load_table import STANDING, rebuild
from parlor_kit.clock import rfc3339
from parlor_rules.fair_deal import game_seed
from parlor_rules.move_log import Entry, first_head, header, next_head

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]


async def heads(rows: asyncpg.Connection, game_id: UUID) -> list[str]:
    """Every head of the game's log, computed from its rows."""
    game = await rows.fetchrow("SELECT * FROM games WHERE id = $1", game_id)
    players = await rows.fetch(
        "SELECT user_id FROM game_players WHERE game_id = $1 ORDER BY seat", game_id
    )
    head = first_head(
        header(
            game_id=str(game_id),
            game=game["game"],
            options=json.loads(game["options"]),
            players=[str(row["user_id"]) for row in players],
            commitment=hashlib.sha256(game["server_seed"]).hexdigest(),
            seeds=json.loads(game["seeds"]),
        )
    )
    found = [head.hex()]
    for row in await rows.fetch(
        "SELECT * FROM game_moves WHERE game_id = $1 ORDER BY number", game_id
    ):
        at = rfc3339(row["played_at"])
        play = json.loads(row["play"])
        entry = Entry(row["number"], row["seat"], play, row["made_by"], at)
        head = next_head(head, entry, game["server_seed"])
        assert row["hash"] == head
        found.append(head.hex())
    assert (game["head"].hex(), game["head_number"]) == (found[-1], len(found) - 1)
    return found


async def test_everybody_invited_sees_the_commitment_before_they_answer(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    ada, bob, cid = people(3)
    made = await invite(game.public, ada, [bob, cid], "crazy_eights", seed="ada's word")
    for user in (bob, cid):
        seen = await game.public.call(
            "GET", f"/api/v1/games/invites/{made.body['id']}", headers=user.authorization
        )
        assert seen.body["commitment"] == made.body["commitment"]
        assert "ada's word" not in str(seen.body)
    await answer(game.public, bob, made.body["id"], "accept")
    dealt = await answer(game.public, cid, made.body["id"], "accept", seed="~" * 64)
    table = CardTable(game.public, dealt.body["game_id"], [ada, bob, cid])
    row = await rows.fetchrow("SELECT * FROM games WHERE id = $1", UUID(table.game_id))
    assert hashlib.sha256(row["server_seed"]).hexdigest() == made.body["commitment"]
    assert json.loads(row["seeds"]) == ["ada's word", "", "~" * 64]
    assert row["seed"] == game_seed(row["server_seed"], ["ada's word", "", "~" * 64])
    for user in table.players:
        assert (await table.get(user))["commitment"] == made.body["commitment"]


async def test_the_first_event_tells_what_the_deal_was_made_from_but_the_secret(
    game: RunningApi, people: People, http: aiohttp.ClientSession, rows: asyncpg.Connection
) -> None:
    ada, bob = people(2)
    made = await invite(game.public, ada, [bob], "crazy_eights")
    dealt = await answer(game.public, bob, made.body["id"], "accept", seed="bob")
    table = CardTable(game.public, dealt.body["game_id"], [ada, bob])
    epoch = (await table.get(ada))["epoch"]
    async with seat(http, game.public._base, table.game_id, ada, epoch=epoch, since=0) as socket:
        await socket.reached(2)
        opening = [frame["event"] for frame in socket.events[:2]]
    assert opening[0]["commitment"] == made.body["commitment"]
    assert opening[0]["seeds"] == ["", "bob"]
    assert opening[1]["log_head"] == (await heads(rows, UUID(table.game_id)))[0]


async def test_the_inviter_may_say_a_seed_once_the_commitment_is_known(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    ada, bob, cid = people(3)
    made = await invite(game.public, ada, [bob, cid], "crazy_eights", seed="too early")
    path = f"/api/v1/games/invites/{made.body['id']}/seed"
    await answer(game.public, bob, made.body["id"], "accept", seed="bob")

    async def say(user: User, seed: str) -> Reply:
        return await game.public.call("PUT", path, headers=user.authorization, json={"seed": seed})

    for word in ("first", "last"):
        said = await say(ada, word)
        assert (said.status, said.body["commitment"]) == (200, made.body["commitment"])
        assert word not in str(said.body)
    for user in (bob, cid, *people(1)):
        refused = await say(user, "mine")
        assert (refused.status, refused.code) == (404, "not_found")
    assert (await say(ada, "")).code == "validation_failed"
    dealt = await answer(game.public, cid, made.body["id"], "accept")
    row = await rows.fetchrow("SELECT * FROM games WHERE id = $1", UUID(dealt.body["game_id"]))
    assert json.loads(row["seeds"]) == ["last", "bob", ""]
    late = await say(ada, "late")
    assert (late.status, late.code) == (409, "invite_closed")


@pytest.mark.parametrize("seed", ["", "x" * 65, "Glück", "tab\t", 7])
async def test_a_seed_that_cannot_be_is_refused(
    game: RunningApi, people: People, seed: object
) -> None:
    ada, bob = people(2)
    body = {"game": "crazy_eights", "invitee_ids": [str(bob.id)], "seed": seed}
    refused = await game.public.call(
        "POST", "/api/v1/games/invites", headers=ada.authorization, json=body
    )
    assert (refused.status, refused.code) == (422, "validation_failed")
    made = await invite(game.public, ada, [bob], "crazy_eights")
    refused = await answer(game.public, bob, made.body["id"], "accept", seed=seed)
    assert (refused.status, refused.code) == (422, "validation_failed")
    assert [error["field"] for error in refused.body["errors"]] == ["seed"]


async def test_players_are_told_every_head_of_the_log(
    game: RunningApi, people: People, http: aiohttp.ClientSession, rows: asyncpg.Connection
) -> None:
    table = await sit_down(game.public, people(4), "hearts")
    views: list[str] = []
    async with seat(http, game.public._base, table.game_id, table.players[0]) as socket:
        await socket.welcomed()
        await table.play_out(
            random.Random(3), moves=30, seen=lambda _, body: views.append(body.get("log_head", ""))
        )
        await table.forfeit(table.players[2])
        last = await table.get(table.players[0])
        await socket.reached(last["seq"])
    expected = await heads(rows, UUID(table.game_id))
    told = [frame["event"]["log_head"] for frame in socket.events if "log_head" in frame["event"]]
    assert [socket.welcome["snapshot"]["log_head"], *told] == expected
    assert last["log_head"] == expected[-1]
    assert set(filter(None, views)) <= set(expected)
    assert len(expected) > 20


async def test_a_game_from_before_there_were_commitments_is_played_on_without(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights")
    game_id = UUID(table.game_id)
    await rows.execute(
        "UPDATE games SET server_seed = NULL, seeds = NULL, head = NULL, head_number = NULL "
        "WHERE id = $1",
        game_id,
    )
    services = game.api.services
    services.read_game._tables._tables.clear()
    assert await table.play_out(random.Random(4)) > 5
    view = await table.get(table.players[0])
    assert (view["commitment"], view["log_head"]) == (None, None)
    standing, _ = await services.read_game.standing(game_id, table.players[0].id)
    row = await rows.fetchrow(STANDING, game_id)
    assert await rebuild(rows, game_id, row) == standing.table


async def test_no_move_is_made_past_the_head(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights")
    with pytest.raises(asyncpg.CheckViolationError, match="games_head"):
        await rows.execute(
            "UPDATE games SET move_count = move_count + 1 WHERE id = $1", UUID(table.game_id)
        )
