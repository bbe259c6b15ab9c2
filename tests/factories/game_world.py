"""The game service without its doors: replicas of its use cases on one real database.

A model test lives in it. Each replica has its own memory, sockets' presence and clocks, as a
process has; to kill one is to forget it, so that only what is written down is left of it. Calls
are blocking, since a model test is: the loop runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from factories.time_passing import pass_time
from parlor_game.bots import Level
from parlor_game.ports import Circles
from parlor_game.usecases.answer_invite import AnswerInvite
from parlor_game.usecases.commit_plays import Committed, Move, commit
from parlor_game.usecases.create_invite import CreateInvite
from parlor_game.usecases.expire_invites import expire_invites
from parlor_game.usecases.find_invite import FoundInvite
from parlor_game.usecases.follow_game import GameStreams
from parlor_game.usecases.load_table import Tables
from parlor_game.usecases.play_bots import PlayBots
from parlor_game.usecases.play_card import PlayCard
from parlor_game.usecases.read_game import ReadGame
from parlor_game.usecases.tick_clocks import TickClocks
from parlor_game.usecases.track_presence import Presence, sweep_connections
from parlor_kit.batching import BatchWriter
from parlor_kit.database import Database, Session
from parlor_kit.hub import Hub
from parlor_kit.sealing import Sealer

LEASE_SECONDS = 15.0
WINDOW = timedelta(minutes=2)
IDLE_AFTER = timedelta(days=3)
INVITE_TTL = timedelta(minutes=15)

T = TypeVar("T")


class Everybody:
    """Entitlements of friends: each may play with each."""

    async def circles(self, user_ids: Sequence[UUID]) -> Circles | None:
        return {}

    async def belongs(self, user_id: UUID, distributor_id: UUID) -> bool:
        return True


class Replica:
    """What one api process has in memory."""

    def __init__(self, database: Database) -> None:
        self.tables = Tables(database)
        self.hub = Hub(GameStreams(database, self.tables))
        session = Session(database)

        async def write(moves: Sequence[Move]) -> Sequence[Committed | None]:
            return await commit(session, moves)

        writer = BatchWriter("plays", write)
        sealer = Sealer(secrets.token_bytes(32))
        self.session = session
        self.plays = PlayCard(database, self.tables, writer, self.hub, sealer)
        self.games = ReadGame(database, self.tables)
        self.clocks = TickClocks(database, self.tables, self.hub)
        self.presence = Presence(database, self.hub, lease_seconds=LEASE_SECONDS, window=WINDOW)
        self.sockets: dict[tuple[UUID, UUID], AsyncExitStack] = {}


class GameWorld:
    """A deployment of two replicas, its database, and time."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="game-world")
        self._thread.start()
        self.database = Database(url, "game")
        self._gone: list[Replica] = []
        self.run(self._open(url))

    async def _open(self, url: str) -> None:
        await self.database.open()
        self.rows = await asyncpg.connect(url)
        self.creating = CreateInvite(Everybody(), INVITE_TTL, IDLE_AFTER)
        self.bots = PlayBots(self.database, Tables(self.database))
        self.answering = AnswerInvite(self.database, Everybody(), IDLE_AFTER)
        self.replicas = [await self._started(), await self._started()]

    async def _started(self) -> Replica:
        replica = Replica(self.database)
        await replica.presence.renew()
        return replica

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def close(self) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        for replica in (*self._gone, *self.replicas):
            for stack in replica.sockets.values():
                await stack.aclose()
            await replica.presence.close()
            await replica.session.close()
        await self.rows.close()
        await self.database.close()

    # -- what people do

    def invite(
        self,
        inviter: UUID,
        others: Sequence[UUID],
        game: str,
        levels: Sequence[Level],
        options: dict[str, Any],
    ) -> FoundInvite:
        async def work() -> FoundInvite:
            chosen = self.creating.options(inviter, game, others, levels, options)
            async with self.database.transaction() as transaction:
                return await self.creating.create(
                    transaction, inviter, game, others, levels, chosen, circles={}
                )

        return self.run(work())

    def connect(self, replica: Replica, game_id: UUID, user_id: UUID) -> None:
        async def work() -> None:
            stack = AsyncExitStack()
            await stack.enter_async_context(replica.presence.present(game_id, user_id))
            replica.sockets[(game_id, user_id)] = stack

        self.run(work())

    def bot_plays(self, game_id: UUID) -> bool:
        """The bots' process plays one turn there, if a bot has it."""
        # Twice: after an outage the first look gives back the time that was lost.
        return any(self.run(self.bots.play_turns([game_id])) for _ in range(2))

    def disconnect(self, replica: Replica, game_id: UUID, user_id: UUID) -> None:
        async def work() -> None:
            await replica.sockets.pop((game_id, user_id)).aclose()
            await asyncio.gather(*replica.presence._ending)

        self.run(work())

    # -- what happens to the platform

    def kill(self, number: int) -> None:
        """The replica is gone without a word; another takes its place."""
        self._gone.append(self.replicas[number])
        self.replicas[number] = self.run(self._started())

    def wait(self, seconds: float) -> None:
        """Time passes while replicas renew their leases; then the clocks tick and jobs run."""

        async def work() -> None:
            await pass_time(self.rows, seconds)
            for replica in self.replicas:
                await replica.presence.renew()
            for replica in self.replicas:
                await replica.clocks.tick()
            await expire_invites(self.database)
            await sweep_connections(self.database, WINDOW)

        self.run(work())

    def outage(self, seconds: float) -> None:
        """Nobody is there for so long."""
        self.run(pass_time(self.rows, seconds, ticking=False))

    def tick(self) -> int:
        """What the clocks of all replicas do now."""

        async def work() -> int:
            return sum([await replica.clocks.tick() for replica in self.replicas])

        return self.run(work())
