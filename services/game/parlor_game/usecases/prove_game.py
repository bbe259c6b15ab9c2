"""Prove a game: tell its players, once it is over, everything that it was made from.

The only use case that tells the server's seed. The format is documented in `docs/fair-deal.md`,
and `parlor verify-game` checks it without this service.
"""

from typing import Any
from uuid import UUID

import orjson
from parlor_kit.clock import rfc3339
from parlor_kit.database import Database
from parlor_kit.errors import NotFound
from parlor_rules.fair_deal import SHUFFLE
from parlor_rules.move_log import LOG
from parlor_rules.protocol import Json

from parlor_game.errors import GameNotOver
from parlor_game.table import Table
from parlor_game.usecases.read_game import ReadGame

PROOF = "parlor.proof.v1"

# Nothing before the end: the condition is in the statement that reads the secret.
_SECRET = "SELECT options, server_seed, seeds FROM games WHERE id = $1 AND status <> 'active'"  # noqa: S105
_MOVES = """
SELECT number, seat, play, made_by, played_at, hash FROM game_moves
WHERE game_id = $1 ORDER BY number
"""


class ProveGame:
    def __init__(self, database: Database, read_game: ReadGame) -> None:
        self._database = database
        self._read_game = read_game

    async def proof(self, game_id: UUID, user_id: UUID) -> Json:
        """Commitment, secret, seeds, moves and result.

        Raises:
            NotFound: no such game, or the user is no player of it; or it was dealt before there
                were commitments.
            GameNotOver: it goes on, and its secret stays one.
        """
        standing, _ = await self._read_game.standing(game_id, user_id)
        if standing.table.status == "active":
            raise GameNotOver()
        async with self._database.connection() as connection:
            game = await connection.fetchrow(_SECRET, game_id)
            moves = await connection.fetch(_MOVES, game_id)
        if game is None or game["server_seed"] is None:
            raise NotFound()
        return _proof(standing.table, game, moves)


def _proof(table: Table, game: Any, moves: Any) -> Json:
    result = table.game.score(table.state)
    return {
        "proof": PROOF,
        "log": LOG,
        "shuffle": SHUFFLE,
        "game_id": str(table.game_id),
        "game": table.game.name,
        "options": orjson.loads(game["options"]),
        "players": [str(player) for player in table.players],
        "commitment": table.commitment,
        "server_seed": game["server_seed"].hex(),
        "seeds": orjson.loads(game["seeds"]),
        "moves": [
            {
                "number": row["number"],
                "seat": row["seat"],
                "play": orjson.loads(row["play"]),
                "by": row["made_by"],
                "at": rfc3339(row["played_at"]),
                "hash": row["hash"].hex(),
            }
            for row in moves
        ],
        "head": table.log_head,
        "result": {
            "status": table.status,
            "scores": list(result.scores),
            "ranks": list(result.ranks),
            "winners": list(result.winners),
            "rounds": [list(points) for points in result.rounds],
        },
    }
