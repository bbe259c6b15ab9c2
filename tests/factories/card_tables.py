"""Card tables for tests of the game service: people sit down, look, play and listen.

Everything goes through the public API of a running game service; nothing here knows a rule. Bots
choose at random among `legal_plays`, which is all that a client needs to play any game.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from factories.identity_stand_in import User
from factories.running_api import Client, Reply


class CardTable:
    """One game and its players, who are listed by seat."""

    def __init__(self, client: Client, game_id: str, players: Sequence[User]) -> None:
        self.client = client
        self.game_id = game_id
        self.players = list(players)

    @property
    def path(self) -> str:
        return f"/api/v1/games/{self.game_id}"

    def player(self, user_id: str | None) -> User:
        return next(user for user in self.players if str(user.id) == user_id)

    async def get(self, player: User, what: str = "") -> Any:
        reply = await self.client.call("GET", self.path + what, headers=player.authorization)
        assert reply.status == 200, reply.body
        return reply.body

    async def play(self, player: User, body: dict[str, Any], *, key: str | None = None) -> Reply:
        return await self.client.call(
            "POST", f"{self.path}/play", headers=player.authorization, json=body, key=key
        )

    async def forfeit(self, player: User) -> Reply:
        return await self.client.call("POST", f"{self.path}/forfeit", headers=player.authorization)

    async def next_to_move(self) -> tuple[User, dict[str, Any]]:
        """The player whose turn it is, and the view from that seat."""
        turn = (await self.get(self.players[0]))["turn"]
        player = self.player(turn)
        return player, await self.get(player)

    async def play_out(
        self,
        rng: random.Random,
        *,
        moves: int = 2000,
        seen: Callable[[User, Any], None] | None = None,
    ) -> int:
        """Play until the end, or so many moves; `seen` gets every answer with who received it."""
        for number in range(moves):
            turn = (await self.get(self.players[0]))["turn"]
            if turn is None:
                return number
            player = self.player(turn)
            view = await self.get(player)
            reply = await self.play(
                player, choose(rng, view["legal_plays"]) | {"expected_seq": view["seq"]}
            )
            assert reply.status == 200, reply.body
            if seen is not None:
                seen(player, view)
                seen(player, reply.body)
        return moves


def choose(rng: random.Random, legal_plays: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mostly a card if one can be played, so that games end; now and then anything."""
    cards = [play for play in legal_plays if play["action"] == "play"]
    return dict(rng.choice(cards if cards and rng.random() < 0.9 else list(legal_plays)))


async def invite(
    client: Client,
    inviter: User,
    others: Sequence[User],
    game: str,
    *,
    key: str | None = None,
    seed: str | None = None,
    bots: Sequence[str] = (),
    **options: Any,
) -> Reply:
    body = {"game": game, "invitee_ids": [str(user.id) for user in others], "options": options}
    if bots:
        body["bots"] = list(bots)
    if seed is not None:
        body["seed"] = seed
    return await client.call(
        "POST", "/api/v1/games/invites", headers=inviter.authorization, json=body, key=key
    )


async def answer(client: Client, user: User, invite_id: str, verb: str, **body: Any) -> Reply:
    return await client.call(
        "POST",
        f"/api/v1/games/invites/{invite_id}/{verb}",
        headers=user.authorization,
        json=body or None,
    )


async def sit_down(client: Client, players: Sequence[User], game: str, **options: Any) -> CardTable:
    """A game of these players, each invited by the first and accepting, and of `bots`."""
    made = await invite(client, players[0], players[1:], game, **options)
    assert made.status == 201, made.body
    for user in players[1:]:
        made = await answer(client, user, made.body["id"], "accept")
        assert made.status == 200, made.body
    assert made.body["status"] == "accepted"
    return CardTable(client, made.body["game_id"], players)


class Seat:
    """A player's live socket; keeps every frame as it came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.raw: list[str] = []
        self.welcome: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.replies: dict[str, dict[str, Any]] = {}
        self._moved = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @property
    def seq(self) -> int:
        """The last seq that the client knows; -1 before the welcome."""
        if self.events:
            return int(self.events[-1]["seq"])
        return int(self.welcome["seq"] - self.welcome["replayed"]) if self.welcome else -1

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code if self._reader.done() else None

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            frame = json.loads(message.data)
            async with self._moved:
                self.raw.append(message.data)
                match frame["type"]:
                    case "welcome":
                        self.welcome = frame
                    case "event":
                        self.events.append(frame)
                    case _:
                        self.answers.append(frame)
                        self.replies[frame["id"]] = frame
                self._moved.notify_all()
        async with self._moved:
            self._moved.notify_all()

    async def welcomed(self) -> dict[str, Any]:
        await self.until(lambda: bool(self.welcome))
        return self.welcome

    async def reached(self, seq: int) -> None:
        await self.until(lambda: self.seq >= seq)

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Return once the condition holds; it is looked at after each frame."""
        async with asyncio.timeout(seconds), self._moved:
            await self._moved.wait_for(condition)

    async def command(self, reference: str, **message: Any) -> dict[str, Any]:
        """Send a command and give back its ack or error."""
        before = len(self.answers)
        await self._socket.send_json({"id": reference, **message})
        await self.until(
            lambda: (
                any(frame["id"] == reference for frame in self.answers[before:])
                or self._reader.done()
            )
        )
        return self.replies[reference]

    async def closed(self) -> int | None:
        """Wait for the end and give its close code."""
        async with asyncio.timeout(10):
            await asyncio.wait([self._reader])
        return self._socket.close_code

    async def leave(self) -> None:
        await self._socket.close()
        await asyncio.wait([self._reader])


@asynccontextmanager
async def seat(
    session: aiohttp.ClientSession,
    base: str,
    game_id: str,
    player: User | None,
    **query: str | int,
) -> AsyncIterator[Seat]:
    """A player's socket on this server, open until the block ends."""
    url = f"{base}/api/v1/games/{game_id}/ws"
    headers = player.authorization if player else {}
    async with session.ws_connect(url, headers=headers, params=query, autoping=True) as socket:
        taken = Seat(socket)
        try:
            yield taken
        finally:
            await taken.leave()
