"""Read the leaderboard of a game in the circle of one distributor.

An entry grows in the transaction that ends a game (`rank_players`, a trigger of the games' table),
so nothing is added up here. A game counts with those distributors on whom the players' right to
sit together rested when it was dealt; games with bots count nowhere. A win is a first rank. Every
player below gives two points, every other player of the same rank one. In a game that somebody
gave up, that seat is below the others, who are equals; of two players, the other has won.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from parlor_kit.database import Database
from parlor_kit.errors import NotFound, ValidationFailed
from parlor_kit.pages import decode_cursor, encode_cursor
from parlor_kit.principal import Principal
from parlor_rules.catalog import GAMES

from parlor_game.policies import may_belong_to_leaderboard, owns_leaderboard
from parlor_game.ports import Entitlements

_PAGE = """
SELECT user_id, games, wins, points FROM leaderboard_entries
WHERE distributor_id = $1 AND game = $2 AND ($3::bigint IS NULL OR points <= $3 AND (
    points < $3 OR wins < $4::bigint OR wins = $4 AND user_id > $5))
ORDER BY points DESC, wins DESC, user_id LIMIT $6
"""
_OWN = """
SELECT user_id, games, wins, points, 1 + (
    SELECT count(*) FROM leaderboard_entries above
    WHERE above.distributor_id = own.distributor_id AND above.game = own.game
        AND (above.points, above.wins) > (own.points, own.wins)
) AS rank
FROM leaderboard_entries own WHERE distributor_id = $1 AND game = $2 AND user_id = $3
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A place on the board; equal points and wins share a rank."""

    rank: int
    user_id: UUID
    games: int
    wins: int
    points: int


@dataclass(frozen=True, slots=True)
class Leaderboard:
    distributor_id: UUID
    entries: Sequence[Entry]
    own: Entry | None
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class _Position:
    """The last entry of the page before: the order goes on after it, and so do the ranks."""

    points: int
    wins: int
    user_id: UUID
    place: int
    rank: int


class ReadLeaderboard:
    def __init__(self, database: Database, entitlements: Entitlements) -> None:
        self._database = database
        self._entitlements = entitlements

    async def page(
        self,
        caller: Principal,
        game: str,
        distributor_id: UUID | None,
        limit: int,
        cursor: str | None,
    ) -> Leaderboard:
        """The board, best first; a distributor who names none sees their own.

        Raises:
            NotFound: no such game, or the caller does not belong to the distributor's circle.
            ValidationFailed: no distributor is named, or the cursor is none of this list.
        """
        distributor_id = await self._seen_by(caller, game, distributor_id)
        after = _position(cursor)
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _PAGE,
                distributor_id,
                game,
                after.points if after else None,
                after.wins if after else None,
                after.user_id if after else None,
                limit + 1,
            )
            own = await connection.fetchrow(_OWN, distributor_id, game, caller.id)
        entries = _ranked(rows[:limit], after)
        place = (after.place if after else 0) + len(entries)
        return Leaderboard(
            distributor_id=distributor_id,
            entries=entries,
            own=Entry(**own) if own else None,
            next_cursor=_cursor(entries[-1], place) if len(rows) > limit else None,
        )

    async def _seen_by(self, caller: Principal, game: str, distributor_id: UUID | None) -> UUID:
        if game not in GAMES:
            raise NotFound()
        if distributor_id is None:
            if not owns_leaderboard(caller, caller.id):
                raise ValidationFailed([("distributor_id", "is needed")])
            return caller.id
        if owns_leaderboard(caller, distributor_id):
            return distributor_id
        if not may_belong_to_leaderboard(caller) or not await self._entitlements.belongs(
            caller.id, distributor_id
        ):
            raise NotFound()
        return distributor_id


def _ranked(rows: Sequence[asyncpg.Record], after: _Position | None) -> list[Entry]:
    entries: list[Entry] = []
    place, rank = (after.place, after.rank) if after else (0, 0)
    before = (after.points, after.wins) if after else None
    for row in rows:
        place += 1
        if (row["points"], row["wins"]) != before:
            rank = place
        before = (row["points"], row["wins"])
        entries.append(Entry(rank=rank, **row))
    return entries


def _cursor(last: Entry, place: int) -> str:
    return encode_cursor(last.points, last.wins, last.user_id, place, last.rank)


def _position(cursor: str | None) -> _Position | None:
    if cursor is None:
        return None
    return _Position(*decode_cursor(cursor, int, int, UUID, int, int))
