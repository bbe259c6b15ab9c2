"""Players that live on a socket: they play, lose the connection, and come back until all is over.

Each holds what a client holds: the epoch, the last seq, and the play that it has sent and not seen.
They check the promise of the stream as they go: no hole, no repeat, and never a snapshot in place
of what was missed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import aiohttp
import orjson
from factories.people import Person
from parlor_dev.client import Api, Refused

_GONE = (aiohttp.ClientError, ConnectionError, TimeoutError, Refused)

PLAYS_WHILE_HELD = 3


class SocketPlayer:
    """One player of one game, who sits down at once and plays from when all have `begun`.

    `origins` are replicas, of which the first is tried first. With `held`, the player makes only a
    few plays until that is set: no game ends meanwhile.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        person: Person,
        game_id: str,
        origins: Sequence[str],
        rng: random.Random,
        begun: asyncio.Event,
        *,
        by_reconnect_token: bool,
        held: asyncio.Event | None = None,
    ) -> None:
        self.person = person
        self._http = http
        self.path = f"/api/v1/games/{game_id}"
        self.plays = 0
        self.left: list[str] = []
        self.came_back: list[str] = []
        self.finished: dict[str, Any] | None = None
        self._origins = list(origins)
        self._rng = rng
        self._begun = begun
        self._by_reconnect_token = by_reconnect_token
        self._held = held
        self._epoch = ""
        self._seq = -1
        self._welcomed = False
        self._level_at = 0
        self._play: bytes | None = None  # to be sent
        self._chosen: bytes | None = None  # in this turn

    @property
    def seated(self) -> bool:
        return self._seq >= 0

    async def play_out(self) -> None:
        """Play until the game is over; when a replica loses us, on the next one."""
        while self.finished is None:
            origin = self._origins[0]
            try:
                await self._sit_down(origin)
            except _GONE:
                await asyncio.sleep(0.1)
            if self._welcomed:
                self.left.append(origin)
                self._origins = [*self._origins[1:], origin]
            self._play, self._welcomed = self._chosen, False

    async def _sit_down(self, origin: str) -> None:
        api = Api(origin, token=self.person.token, http=self._http)
        headers, query = {"authorization": f"Bearer {self.person.token}"}, {}
        if self._seq >= 0:
            query = {"epoch": self._epoch, "since": str(self._seq)}
            if self._by_reconnect_token:
                query["token"] = (await api.get(f"{self.path}/reconnect-token"))["token"]
                headers = {}
        async with self._http.ws_connect(
            f"{origin}{self.path}/ws", headers=headers, params=query
        ) as socket:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                self._take(origin, orjson.loads(message.data))
                if self.finished is not None:
                    return
                if self._play is not None and self._seq >= self._level_at:
                    await self._begun.wait()
                    if self._held is not None and self.plays >= PLAYS_WHILE_HELD:
                        await self._held.wait()
                    play, self._play = self._play, None
                    await socket.send_str(play.decode())

    def _take(self, origin: str, frame: dict[str, Any]) -> None:
        self._welcomed = True
        match frame["type"]:
            case "welcome" if self._seq < 0:
                self._epoch, self._seq = frame["epoch"], frame["seq"]
                view = frame["snapshot"]
                self._choose(view["legal_plays"])
            case "welcome":
                assert frame["recovered"] is True, frame
                assert frame["seq"] == self._seq + frame["replayed"], frame
                self.came_back.append(origin)
                self._level_at = frame["seq"]
            case "event":
                assert frame["seq"] == self._seq + 1, (self._seq, frame)
                self._seq = frame["seq"]
                self._follow(frame["event"])
            case "ack":
                self.plays += 1
            case "error":
                assert frame["code"] == "dependency_unavailable", frame

    def _follow(self, event: dict[str, Any]) -> None:
        if event["type"] == "game.turn":
            mine = event["user_id"] == self.person.id
            self._choose(event["legal_plays"] if mine else [])
        elif event["type"] == "game.finished":
            self.finished = event

    def _choose(self, legal_plays: list[dict[str, Any]]) -> None:
        """Decide once for each turn; the key makes sure that it counts once, however often sent."""
        self._play = self._chosen = None
        if legal_plays:
            cards = [play for play in legal_plays if play["action"] == "play"]
            body = self._rng.choice(cards or legal_plays)
            key = f"turn-at-{self._seq}"
            self._play = self._chosen = orjson.dumps(
                {"type": "play", "id": key, "key": key, **body}
            )
