"""Let the bots play: whenever it is a bot's turn, its strategy chooses and the play is committed.

The bots' process runs it, in any number of replicas. A replica takes a game by locking its row and
passes over what another has taken; so nobody leads, and what a replica held is free when the
database sees its session end. The play goes the way of every other (`commit_plays`). A strategy
sees the view of its seat and the plays that are allowed there; the table itself never leaves this
module.

A trigger of the games' table tells when a turn comes to a bot. Whatever is missed, because nobody
listened or the row was locked, is found by a look at all games that have bots, twice a second
however much is told meanwhile. Games wait in the order in which they were told or found.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any
from uuid import UUID

import asyncpg
from parlor_kit import logs
from parlor_kit.database import Database, gone_is_unavailable
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.ids import parse_id
from parlor_rules.bots import Level, Strategy, easy, strategy
from parlor_rules.protocol import Play

from parlor_game.bots import level_of
from parlor_game.table import Table
from parlor_game.usecases.commit_plays import Move, catch_up, commit, move
from parlor_game.usecases.load_table import Tables

log = logs.get("bots")

CHANNEL = "bots"
_LOOK_SECONDS = 0.5
_BATCH = 16
_THINKING_SECONDS = 0.1  # of one batch: meanwhile its games are locked
_FIRST_DELAY, _LAST_DELAY = 0.2, 3.0
_INTERRUPTIONS = (DependencyUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError)

_WAITING = """
SELECT id FROM games
WHERE bot_ids IS NOT NULL AND status = 'active' AND turn_user_id = ANY(bot_ids)
"""
_TAKE = f"{_WAITING} AND id = ANY($1::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED"


class PlayBots:
    """One instance a process; `strategy_of` gives the way to play a game at a level."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        strategy_of: Callable[[str, Level], Strategy] = strategy,
    ) -> None:
        self._database = database
        self._tables = tables
        self._strategy_of = strategy_of
        self._told: dict[UUID, None] = {}  # a set that keeps the order
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Play until cancelled; survives an absent database and goes on by itself."""
        delay = _FIRST_DELAY
        while True:
            started = time.monotonic()
            try:
                async with gone_is_unavailable():
                    await self._listen_and_play()
            except _INTERRUPTIONS as fault:
                if time.monotonic() - started > _LAST_DELAY:
                    delay = _FIRST_DELAY
                log.warning("bots.interrupted", fault=repr(fault), retry_in=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_DELAY)

    async def _listen_and_play(self) -> None:
        connection = await self._database.connect()
        try:
            await connection.add_listener(CHANNEL, self._hear)
            next_look = 0.0
            while not connection.is_closed():
                self._wake.clear()
                if (moment := time.monotonic()) >= next_look:
                    next_look = moment + _LOOK_SECONDS
                    self._told |= dict.fromkeys(await self.waiting())
                if self._told:
                    await self.play_turns(self._next())
                else:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(next_look - moment):
                            await self._wake.wait()
        finally:
            connection.terminate()
        raise DependencyUnavailable("the bots' database session ended")

    def _hear(self, _: Any, __: int, ___: str, payload: object) -> None:
        game_id = parse_id(str(payload))
        if game_id is not None:
            self._told[game_id] = None
            self._wake.set()

    def _next(self) -> list[UUID]:
        """Those that have waited longest, of those that are known of."""
        batch = list(islice(self._told, _BATCH))
        for game_id in batch:
            del self._told[game_id]
        return batch

    async def waiting(self) -> list[UUID]:
        """All games in which a bot has the turn."""
        async with self._database.connection() as connection:
            return [row["id"] for row in await connection.fetch(_WAITING)]

    async def play_turns(self, game_ids: Sequence[UUID]) -> int:
        """Play where a bot has the turn, among these games; the number of plays made."""
        async with self._database.transaction() as transaction:
            taken = await transaction.connection.fetch(_TAKE, game_ids)
            moves = await self._decided([row["id"] for row in taken])
            committed = await commit(transaction.connection, moves) if moves else []
        for made in committed:
            if made is not None:
                self._tables.keep(made.table)
        if None in committed:  # the clocks stood still
            async with self._database.connection() as connection:
                await catch_up(connection)
        return len(committed) - committed.count(None)

    async def _decided(self, game_ids: Sequence[UUID]) -> list[Move]:
        """The moves of these games, which are ours; of fewer, when the bots think for long."""
        moves: list[Move] = []
        until = time.monotonic() + _THINKING_SECONDS
        for number, game_id in enumerate(game_ids, start=1):
            try:
                standing = await self._tables.standing(game_id)
                if standing is not None and (chosen := self._choose(standing.table)):
                    moves.append(chosen)
            except _INTERRUPTIONS:
                raise
            except Exception as fault:  # one game that cannot go on must not stop the others
                log.error("bots.stuck", game_id=str(game_id), exc_info=fault)
            if time.monotonic() > until:
                self._told |= dict.fromkeys(game_ids[number:])
                break
        return moves

    def _choose(self, table: Table) -> Move | None:
        seat = table.game.turn(table.state)
        level = None if seat is None else level_of(table.players[seat])
        if seat is None or level is None:
            return None
        legal = table.game.legal_plays(table.state, seat)
        play = self._chosen(table, seat, level, legal)
        return move(table, seat, play.body(), table.game.apply(table.state, seat, play))

    def _chosen(self, table: Table, seat: int, level: Level, legal: tuple[Play, ...]) -> Play:
        """What the strategy chooses; any play, rather than none, where it fails."""
        view, seed = table.game.view(table.state, seat), secrets.token_bytes(32)
        try:
            play = self._strategy_of(table.game.name, level)(view, legal, seed)
            if play in legal:
                return play
            log.error("bots.not_legal", game_id=str(table.game_id), play=play.body())
        except Exception as fault:
            log.error("bots.no_choice", game_id=str(table.game_id), exc_info=fault)
        return easy(view, legal, seed)
