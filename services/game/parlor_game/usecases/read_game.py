"""Read games: a player's view of one, its scoreboard, and the list of one's own."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from parlor_kit.database import Database
from parlor_kit.errors import NotFound
from parlor_kit.pages import encode_cursor, id_in
from parlor_rules.protocol import Json

from parlor_game.bots import level_of
from parlor_game.policies import may_see_game
from parlor_game.usecases.load_table import Standing, Tables

_MINE = """
SELECT g.id, g.game, g.options, g.status, g.epoch, g.seq, g.turn_user_id, g.created_at,
    g.finished_at, g.winner_ids,
    ARRAY(SELECT p.user_id FROM game_players p WHERE p.game_id = g.id ORDER BY p.seat) AS players,
    ARRAY(SELECT p.score FROM game_players p WHERE p.game_id = g.id ORDER BY p.seat) AS scores,
    ARRAY(SELECT p.rank FROM game_players p WHERE p.game_id = g.id ORDER BY p.seat) AS ranks
FROM games g JOIN game_players mine ON mine.game_id = g.id
WHERE mine.user_id = $1 AND ($2::text IS NULL OR g.status = $2)
    AND ($3::text IS NULL OR g.game = $3) AND ($4::uuid IS NULL OR mine.game_id < $4)
ORDER BY mine.game_id DESC LIMIT $5
"""


class ReadGame:
    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._tables = tables

    async def view(self, game_id: UUID, user_id: UUID) -> Json:
        standing, seat = await self.standing(game_id, user_id)
        return standing.view(seat)

    async def public_view(self, game_id: UUID) -> Json:
        """The game as a spectator sees it; who may be one, the caller has asked."""
        standing = await self._tables.standing(game_id)
        if standing is None:
            raise NotFound()
        return standing.view(None)

    async def scoreboard(self, game_id: UUID, user_id: UUID) -> Json:
        standing, _ = await self.standing(game_id, user_id)
        return standing.table.scoreboard()

    async def standing(self, game_id: UUID, user_id: UUID) -> tuple[Standing, int]:
        """The game as it stands now and the player's seat; 404 for everybody else."""
        standing = await self._tables.standing(game_id)
        if standing is None or not may_see_game(user_id, standing.table.players):
            raise NotFound()
        return standing, standing.table.players.index(user_id)

    async def is_player(self, game_id: UUID, user_id: UUID) -> bool:
        table = await self._tables.get(game_id)
        return table is not None and may_see_game(user_id, table.players)

    async def mine(
        self, user_id: UUID, status: str | None, game: str | None, limit: int, cursor: str | None
    ) -> tuple[Sequence[Json], str | None]:
        """The user's games, newest first: those of this status and this game, where one is said."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_MINE, user_id, status, game, id_in(cursor), limit + 1)
        more = len(rows) > limit
        items = [_summary(row) for row in rows[:limit]]
        return items, encode_cursor(rows[limit - 1]["id"]) if more else None


def _summary(row: Any) -> Json:
    """A game in a list: who plays and whose turn it is, no cards."""
    return {
        "game_id": row["id"],
        "game": row["game"],
        "options": orjson.loads(row["options"]),
        "status": row["status"],
        "epoch": row["epoch"],
        "seq": row["seq"],
        "players": [
            {
                "user_id": user_id,
                "bot": level_of(user_id),
                "seat": seat,
                "score": row["scores"][seat],
                "rank": row["ranks"][seat],
            }
            for seat, user_id in enumerate(row["players"])
        ],
        "turn": row["turn_user_id"],
        "winner_ids": orjson.loads(row["winner_ids"] or "[]"),
        "created_at": row["created_at"],
        "finished_at": row["finished_at"],
    }
