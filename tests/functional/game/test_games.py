"""Games through the one origin, with every service in its place."""

import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from factories.card_tables import choose
from factories.people import Circle, Person, gather_circle, register
from parlor_dev.client import Api, Closed, Live, Refused
from parlor_dev.stack import Stack
from parlor_game.routes import PUBLIC
from parlor_kit.ids import new_id

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
async def api(platform: Stack) -> AsyncIterator[Api]:
    async with Api(platform.url) as anonymous:
        yield anonymous


@pytest.fixture(scope="module")
async def circle(platform: Stack, api: Api) -> Circle:
    return await gather_circle(platform, api, 4)


async def deal(game: str, players: Sequence[Person], **options: bool) -> str:
    first, *others = players
    made = await first.api.post(
        "/api/v1/games/invites",
        {"game": game, "invitee_ids": [one.id for one in others], "options": options},
    )
    for one in others:
        made = await one.api.post(f"/api/v1/games/invites/{made['id']}/accept")
    return str(made["game_id"])


async def test_without_a_token_every_route_is_refused(api: Api) -> None:
    for row in PUBLIC.http:
        path = row.path.replace("{invite_id}", str(new_id())).replace("{game_id}", str(new_id()))
        with pytest.raises(Refused) as refused:
            await api.answer(row.method, path, {} if row.method == "POST" else None)
        assert (refused.value.status, refused.value.code) == (401, "unauthenticated"), path
    for socket in ("ws", "watch/ws"):
        with pytest.raises(Closed) as closed:
            await api.live(f"/api/v1/games/{new_id()}/{socket}").open()
        assert closed.value.code == 4401


async def test_strangers_are_not_entitled_to_play(api: Api, circle: Circle) -> None:
    stranger = await register(api)
    for inviter, invitee in (
        (circle.customers[0], stranger),
        (stranger, circle.customers[0]),
        (circle.admin, circle.customers[0]),
    ):
        with pytest.raises(Refused) as refused:
            await deal("crazy_eights", [inviter, invitee])
        assert (refused.value.status, refused.value.code) == (403, "not_entitled")


async def test_whoever_leaves_the_circle_is_not_dealt_in(platform: Stack, api: Api) -> None:
    circle = await gather_circle(platform, api)
    ada, bob = circle.customers
    made = await ada.api.post(
        "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [bob.id]}
    )
    await circle.distributor.api.delete(f"/api/v1/relationships/{bob.id}")
    with pytest.raises(Refused) as refused:
        await bob.api.post(f"/api/v1/games/invites/{made['id']}/accept")
    assert (refused.value.status, refused.value.code) == (403, "not_entitled")


@pytest.mark.parametrize(
    ("game", "seats"), [("crazy_eights", 2), ("crazy_eights", 5), ("hearts", 4)]
)
async def test_a_game_is_played_on_sockets_to_the_scoreboard(
    circle: Circle, game: str, seats: int
) -> None:
    players = [circle.distributor, *circle.customers][:seats]
    game_id = await deal(game, players)
    rng, path = random.Random(seats), f"/api/v1/games/{game_id}"
    sockets: dict[str, Live] = {}
    try:
        for person in players:
            sockets[person.id] = person.api.live(f"{path}/ws")
            await sockets[person.id].open()
        view = await players[0].api.get(path)
        mover = next(person for person in players if person.id == view["turn"])
        legal = (await mover.api.get(path))["legal_plays"]
        ended = None
        while ended is None:
            socket = sockets[mover.id]
            ack = await socket.request("play", **choose(rng, legal))
            ended, turns = await everybody_hears(sockets, ack["seq"])
            if ended is None:
                mover = next(person for person in players if person.id == turns["user_id"])
                legal = turns["legal_plays"]
        board = await players[-1].api.get(f"{path}/scoreboard")
        assert board["status"] == "finished"
        assert board["winner_ids"] == ended["winner_ids"]
        assert [player["score"] for player in board["players"]] == ended["scores"]
    finally:
        for socket in sockets.values():
            await socket.close()


async def everybody_hears(
    sockets: dict[str, Live], seq: int
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Read every socket up to `seq`: the end of the game, if it was, and the mover's turn."""
    ended, turn = None, {}
    for person_id, socket in sockets.items():
        while True:
            frame = await socket.next()
            event = frame["event"]
            if event["type"] == "game.finished":
                ended = event
            if event["type"] == "game.turn" and event["user_id"] == person_id:
                turn = event
            if frame["seq"] == seq:
                break
    return ended, turn


async def test_a_reconnect_token_opens_the_socket_at_its_address_once(
    api: Api, circle: Circle
) -> None:
    ada, bob = circle.customers[:2]
    game_id = await deal("crazy_eights", [ada, bob])
    issued = await ada.api.get(f"/api/v1/games/{game_id}/reconnect-token")
    assert issued["ws_url"].startswith(api.url.replace("http", "ws", 1))
    async with api.http.ws_connect(issued["ws_url"]) as socket:
        welcome = await socket.receive_json()
        assert welcome["snapshot"]["your_hand"]
    with pytest.raises(Closed) as closed:
        await api.live(f"/api/v1/games/{game_id}/ws", ticket=issued["token"]).open()
    assert closed.value.code == 4401


async def test_a_dropped_player_resumes_without_a_hole(circle: Circle) -> None:
    ada, bob = circle.customers[:2]
    game_id = await deal("crazy_eights", [ada, bob])
    rng, path = random.Random(8), f"/api/v1/games/{game_id}"
    socket = ada.api.live(f"{path}/ws")
    await socket.open()
    await socket.drop()
    for _ in range(4):
        turn = (await ada.api.get(path))["turn"]
        mover = ada if turn == ada.id else bob
        legal = (await mover.api.get(path))["legal_plays"]
        await mover.api.post(f"{path}/play", choose(rng, legal))
    welcome = await socket.resume()
    assert welcome["recovered"] is True
    assert welcome["replayed"] >= 8
    last = (await ada.api.get(path))["seq"]
    while socket.seq < last:
        await socket.next()
    await socket.close()


async def test_a_disabled_player_leaves_the_table(platform: Stack, api: Api) -> None:
    circle = await gather_circle(platform, api)
    ada, bob = circle.customers
    game_id = await deal("crazy_eights", [ada, bob])
    path = f"/api/v1/games/{game_id}"
    mine, theirs = ada.api.live(f"{path}/ws"), bob.api.live(f"{path}/ws")
    await mine.open()
    await theirs.open()
    try:
        await circle.admin.api.post(f"/api/v1/admin/users/{ada.id}/disable")
        assert await mine.closed() == 4403
        ended = await theirs.next("game.finished", timeout=30)
        assert ended["event"]["status"] == "abandoned"
        assert ended["event"]["winner_ids"] == [bob.id]
    finally:
        await mine.close()
        await theirs.close()
