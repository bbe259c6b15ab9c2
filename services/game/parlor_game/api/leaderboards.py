"""Leaderboards: who does best at a game among the people of one distributor."""

from dataclasses import asdict

from parlor_kit.answers import Answer
from parlor_kit.routing import Call

from parlor_game.api.schemas import LeaderboardEntry, LeaderboardPage
from parlor_game.usecases import UseCases


async def read_leaderboard(call: Call[UseCases]) -> Answer:
    """Show the leaderboard of a game to a distributor and to their customers, best first."""
    query, game = call.query, call.params["game"]
    board = await call.app.read_leaderboard.page(
        call.user, game, query.distributor_id, query.limit, query.cursor
    )
    page = LeaderboardPage(
        game=game,
        distributor_id=board.distributor_id,
        you=LeaderboardEntry(**asdict(board.own)) if board.own else None,
        items=[LeaderboardEntry(**asdict(entry)) for entry in board.entries],
        next_cursor=board.next_cursor,
    )
    return Answer(200, page)
