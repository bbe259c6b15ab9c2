"""People who chat and play while parts of the platform are killed: nothing lost, nothing twice.

Clients do what any client should: an answer that does not come is asked for again under the same
key, and a socket that breaks, or answers no ping, is resumed from where it was.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from e2e.cluster import Failed
from factories.people import Person
from parlor_dev.client import Closed, Live, Refused

_PATIENCE = 120.0
_OURS = "line"
_PONG_SECONDS = 5.0
_QUIET_SECONDS = 1.0
_LONGEST_GAME = 250
_AWAY = (aiohttp.ClientError, TimeoutError, OSError, Closed)


async def patiently(work: Callable[[], Awaitable[Any]], *, also: int = 0) -> Any:
    """Try until there is an answer; a refusal that another try would not change is raised.

    `also` is a status that is tried again beside those of servers that are away. An answer without
    a code is none of the platform's: something before it speaks while nobody serves behind.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await work()
        except Refused as refusal:
            if refusal.code and refusal.status < 500 and refusal.status != also:
                raise
            fault: Exception = refusal
        except _AWAY as away:
            fault = away
        if time.monotonic() > deadline:
            raise Failed(f"no answer within {_PATIENCE:g} s: {fault!r}")
        await asyncio.sleep(0.2)


async def still_there(live: Live) -> None:
    """A killed pod says no goodbye, and takes its network along: only a ping finds out.

    It does not raise: what came before the end is still to be heard, and `next` says when it was.
    """
    try:
        async with asyncio.timeout(_PONG_SECONDS):
            await live.request("ping")
    except Closed:
        return
    except (TimeoutError, aiohttp.ClientError, OSError):
        await live.drop()


class Chat:
    """Ann writes as fast as she may, Ben listens and resumes; `check` compares the two."""

    def __init__(self, ann: Person, ben: Person, conversation: str) -> None:
        self._ann, self._ben = ann, ben
        self._path = f"/api/v1/conversations/{conversation}"
        self._live = ben.api.live(f"{self._path}/ws")
        self._stop = asyncio.Event()
        self.sent: dict[str, str] = {}
        self.heard: list[str] = []
        self.resumed = 0

    async def open(self) -> None:
        """Ben is there before Ann writes: what came before him is history, and no event."""
        await patiently(self._live.open)

    async def write(self) -> None:
        while not self._stop.is_set():
            key, body = secrets.token_hex(8), f"{_OURS} {len(self.sent)}"
            message = await patiently(
                lambda key=key, body=body: self._ann.api.post(  # type: ignore[misc]
                    f"{self._path}/messages", {"body": body, "client_message_id": key}
                )
            )
            self.sent[message["id"]] = body
            await asyncio.sleep(0.02)

    async def listen(self) -> None:
        deadline = float("inf")
        while time.monotonic() < deadline:
            try:
                await self._hear()
                if self._stop.is_set():
                    deadline = min(deadline, time.monotonic() + _PATIENCE)
                    if len(self.heard) >= len(self.sent):
                        return
            except Closed:
                await self._live._end()
                welcome = await patiently(self._live.resume)
                if not welcome["recovered"]:
                    raise Failed("the stream was not recovered") from None
                self.resumed += 1
        await self.check()

    async def _hear(self) -> None:
        try:
            frame = await self._live.next("message.sent", timeout=_QUIET_SECONDS)
        except TimeoutError:
            return await still_there(self._live)
        body = frame["event"]["message"]["body"]
        if body.startswith(_OURS):  # the platform writes there too, of their games
            self.heard.append(body)

    def stop(self) -> None:
        self._stop.set()

    async def check(self) -> None:
        """Every message that was answered is there once, in order, for the reader and in store."""
        wanted = list(self.sent.values())
        if self.heard != wanted:
            raise Failed(f"{len(wanted)} messages were sent, the other heard {len(self.heard)}")
        stored: list[str] = []
        after = 0
        while True:
            page = await self._ben.api.get(f"{self._path}/messages?limit=200&after_seq={after}")
            stored += [item["body"] for item in page["items"]]
            if not page["items"]:
                break
            after = page["items"][-1]["seq"]
        if [body for body in stored if body.startswith(_OURS)] != wanted:
            raise Failed("what is stored is not what was sent")


class Game:
    """Two players who play crazy eights again and again; a play that is not answered is checked.

    Crazy eights has games without an end: one that has become too long is given up.
    """

    def __init__(self, ann: Person, ben: Person) -> None:
        self._people = {ann.id: ann, ben.id: ben}
        self._ann, self._ben = ann, ben
        self._stop = asyncio.Event()
        self.plays = 0
        self.games = 0
        self.resumed = 0

    async def play(self) -> None:
        while not self._stop.is_set():
            await self._one()
            self.games += 1

    def stop(self) -> None:
        self._stop.set()

    async def _one(self) -> None:
        key = secrets.token_hex(8)
        body = {"game": "crazy_eights", "invitee_ids": [self._ben.id]}
        invite = await patiently(lambda: self._ann.api.post("/api/v1/games/invites", body, key=key))
        accept = f"/api/v1/games/invites/{invite['id']}/accept"
        accepted = await patiently(lambda: self._ben.api.post(accept))
        path = f"/api/v1/games/{accepted['game_id']}"
        live = self._ben.api.live(f"{path}/ws")
        follower = asyncio.create_task(self._follow(live, path))
        last = self.plays + _LONGEST_GAME
        while (view := await patiently(lambda: self._ann.api.get(path)))["status"] == "active":
            if self.plays >= last:
                await self._give_up(path)
                continue
            player = self._people[view["turn"]]
            mine = await patiently(lambda player=player: player.api.get(path))  # type: ignore[misc]
            if not mine["legal_plays"]:
                continue
            await self._play(player, path, mine)
            await asyncio.sleep(0.02)
        async with asyncio.timeout(_PATIENCE):
            await follower

    async def _play(self, player: Person, path: str, view: dict[str, Any]) -> None:
        body = {**view["legal_plays"][0], "expected_seq": view["seq"]}
        try:
            await patiently(lambda: player.api.post(f"{path}/play", body))
        except Refused as refusal:
            # The answer to our first try was lost: the play counts, and is behind us.
            if refusal.code not in {"stale_play", "not_your_turn", "game_over"}:
                raise
        self.plays += 1

    async def _give_up(self, path: str) -> None:
        key = secrets.token_hex(8)
        try:
            await patiently(lambda: self._ann.api.post(f"{path}/forfeit", key=key))
        except Refused as refusal:
            if refusal.code != "game_over":
                raise

    async def _next(self, live: Live) -> None:
        try:
            await live.next(timeout=_QUIET_SECONDS)
        except TimeoutError:
            await still_there(live)

    async def _follow(self, live: Live, path: str) -> None:
        """Hear every event up to the game's end on a socket; the client fails on a hole."""
        await patiently(live.open)
        while True:
            try:
                await self._next(live)
                view = await patiently(lambda: self._ben.api.get(path))
                if view["status"] != "active" and live.seq >= view["seq"]:
                    return await live.close()
            except Closed:
                await live._end()
                await patiently(live.resume)
                self.resumed += 1


class Load:
    """Requests of every service, without a second try: each that is not answered is lost."""

    def __init__(self, ann: Person, ben: Person, conversation: str) -> None:
        self._requests: tuple[Callable[[], Awaitable[Any]], ...] = (
            lambda: ann.api.get("/api/v1/users/me"),
            lambda: ann.api.get(f"/api/v1/entitlements/chat/{ann.id}/{ben.id}"),
            lambda: ann.api.get("/api/v1/games/invites"),
            lambda: ben.api.get(f"/api/v1/conversations/{conversation}/messages?limit=5"),
            lambda: ann.api.post(
                f"/api/v1/conversations/{conversation}/messages", {"body": "under load"}
            ),
        )
        self._stop = asyncio.Event()
        self.answered = 0
        self.lost: list[str] = []

    async def run(self) -> None:
        await asyncio.gather(*(self._repeat(request) for request in self._requests))

    def stop(self) -> None:
        self._stop.set()

    async def _repeat(self, request: Callable[[], Awaitable[Any]]) -> None:
        while not self._stop.is_set():
            try:
                await request()
                self.answered += 1
            except (Refused, *_AWAY) as fault:
                self.lost.append(f"{time.strftime('%X')} {fault!r}")
            await asyncio.sleep(0.02)
