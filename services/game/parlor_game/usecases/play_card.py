"""Play: decide by the rules on the table as it stands, commit once, tell everybody at the table.

Both doors lead here: the play route and the `play` command of the socket. The decision is pure
and made on a cached table; what makes it safe is the commit, which takes a move only if no other
came first. Every refusal is decided on the table that the database has, never on a lagging one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import orjson
from parlor_kit.batching import BatchWriter
from parlor_kit.database import Database
from parlor_kit.errors import (
    DependencyUnavailable,
    IdempotencyKeyReused,
    NotFound,
    ValidationFailed,
)
from parlor_kit.hub import Hub
from parlor_kit.sealing import Sealer
from parlor_rules import protocol
from parlor_rules.move_log import FORFEIT, By
from parlor_rules.moves import play_from_body
from parlor_rules.protocol import Json, Play

from parlor_game import errors
from parlor_game.frames import stream_events
from parlor_game.table import Table
from parlor_game.usecases.commit_plays import Committed, Move, PlayKey, catch_up, move
from parlor_game.usecases.load_table import Standing, Tables

_TRIES = 20

Decision = Callable[[Table, int], Move]


class _Stale(Exception):
    """The player has not seen the last move."""


@dataclass(frozen=True, slots=True)
class Played:
    """The seq after the play, and the table as it stands, seen from the player's seat."""

    seq: int
    standing: Standing
    seat: int

    def view(self) -> Json:
        return self.standing.view(self.seat)


class PlayCard:
    """Plays and forfeits. One instance a process."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        writer: BatchWriter[Move, Committed | None],
        hub: Hub,
        sealer: Sealer,
    ) -> None:
        self._database = database
        self._tables = tables
        self._writer = writer
        self._hub = hub
        self._sealer = sealer

    async def play(
        self,
        game_id: UUID,
        user_id: UUID,
        body: Json,
        *,
        expected_seq: int | None = None,
        key: str | None = None,
    ) -> Played:
        """Make the play that `body` asks for.

        Raises:
            NotFound: no such game, or the user is no player of it.
            StalePlay, NotYourTurn, IllegalPlay, GameOver: refused; the table is unchanged.
            IdempotencyKeyReused: the key came with another play before.
        """
        try:
            play = play_from_body(body)
        except protocol.MalformedPlay as wrong:
            raise ValidationFailed([(wrong.field, wrong.message)]) from wrong
        play_key = self._key(key, play, expected_seq)

        def decide(table: Table, seat: int) -> Move:
            if expected_seq is not None and expected_seq < table.move_seq:
                raise _Stale
            return move(
                table, seat, play.body(), table.game.apply(table.state, seat, play), play_key
            )

        return await self._make(game_id, user_id, decide, play_key)

    async def forfeit(self, game_id: UUID, user_id: UUID, *, key: str | None = None) -> Played:
        """Give up; the game is abandoned. Refused with GameOver when it has ended."""
        play_key = self._key(key, None, None)

        def decide(table: Table, seat: int) -> Move:
            return forfeit_move(table, seat, key=play_key)

        return await self._make(game_id, user_id, decide, play_key)

    def _key(self, key: str | None, play: Play | None, expected_seq: int | None) -> PlayKey | None:
        if key is None:
            return None
        asked = [play.body() if play else FORFEIT, expected_seq]
        return PlayKey(key, self._sealer.digest(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)))

    async def _make(
        self, game_id: UUID, user_id: UUID, decide: Decision, key: PlayKey | None
    ) -> Played:
        async with self._tables.lock(game_id):
            table = await self._tables.get(game_id)
            seat = table.seat_of(user_id) if table else None
            if table is None or seat is None:
                raise NotFound()
            for _ in range(_TRIES):
                # Asked anew on each try: the same key may have just won on another replica.
                if key is not None and (first := await self._first(game_id, user_id, key)):
                    return Played(first, await self._now(game_id), seat)
                try:
                    chosen = decide(table, seat)
                except (_Stale, protocol.RulesError) as wrong:
                    standing = await self._now(game_id)
                    if standing.table.move_count == table.move_count:
                        raise _refusal(wrong, standing, seat) from None
                    table = standing.table
                    continue
                committed = await self._writer.submit(chosen)
                if committed is not None:
                    return self._tell(chosen, committed, seat)
                async with self._database.connection() as connection:
                    await catch_up(connection)
                table = (await self._now(game_id)).table
        raise DependencyUnavailable("The table is too busy")

    def _tell(self, chosen: Move, committed: Committed, seat: int) -> Played:
        tell(self._tables, self._hub, chosen, committed)
        standing = Standing(
            committed.table, committed.seq, committed.connected, committed.reconnect_by
        )
        return Played(committed.seq, standing, seat)

    async def _now(self, game_id: UUID) -> Standing:
        standing = await self._tables.standing(game_id)
        if standing is None:
            raise NotFound()
        return standing

    async def _first(self, game_id: UUID, user_id: UUID, key: PlayKey) -> int | None:
        """The seq that the play with this key got, if it was made."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT digest, seq FROM play_keys "
                "WHERE game_id = $1 AND user_id = $2 AND key = $3",
                game_id,
                user_id,
                key.key,
            )
        if row is None:
            return None
        if bytes(row["digest"]) != key.digest:
            raise IdempotencyKeyReused()
        seq: int = row["seq"]
        return seq


def tell(tables: Tables, hub: Hub, chosen: Move, committed: Committed) -> None:
    """Remember what was committed, and push it to who sits at the table on this replica."""
    table = committed.table
    tables.keep(table)
    if hub.watches(table.game_id):
        first_seq = committed.seq - len(chosen.events) + 1
        events = stream_events(first_seq, chosen.at, chosen.events, table.players)
        hub.deliver(table.game_id, events)


def forfeit_move(table: Table, seat: int, by: By = "player", key: PlayKey | None = None) -> Move:
    """The move by which a seat gives up; it stands in the log like every other."""
    outcome = table.game.forfeit(table.state, seat)
    return move(table, seat, {"action": FORFEIT}, outcome, key, by=by)


def _refusal(wrong: Exception, standing: Standing, seat: int) -> Exception:
    """The refusal of the contract for what the rules, or the position, refuse."""
    table = standing.table
    match wrong:
        case _Stale():
            return errors.StalePlay(standing.view(seat))
        case protocol.GameOver():
            return errors.GameOver()
        case protocol.NotYourTurn():
            return errors.NotYourTurn()
        case protocol.IllegalPlay():
            return errors.IllegalPlay(table.legal_plays(seat))
    return wrong
