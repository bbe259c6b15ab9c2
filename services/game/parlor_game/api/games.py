"""Games: see them, play, give up, and get back to the table."""

from parlor_kit.answers import Answer
from parlor_kit.pages import Page
from parlor_kit.routing import Call
from parlor_rules.protocol import Json

from parlor_game.api.schemas import ReconnectTokenView
from parlor_game.usecases import UseCases
from parlor_game.usecases.issue_reconnect_token import issue_reconnect_token


async def list_games(call: Call[UseCases]) -> Answer:
    """List the caller's games, newest first, of one status or game if asked."""
    query = call.query
    items, more = await call.app.read_game.mine(
        call.user.id, query.status, query.game, query.limit, query.cursor
    )
    return Answer(200, Page[Json](items=items, next_cursor=more))


async def read_game(call: Call[UseCases]) -> Answer:
    """Show a game from the caller's seat."""
    return Answer(200, await call.app.read_game.view(call.id("game_id"), call.user.id))


async def read_scoreboard(call: Call[UseCases]) -> Answer:
    """Show scores, ranks and winners of a game to its players."""
    return Answer(200, await call.app.read_game.scoreboard(call.id("game_id"), call.user.id))


async def play_card(call: Call[UseCases]) -> Answer:
    """Make a play in the caller's turn."""
    body = call.body
    played = await call.app.play_card.play(
        call.id("game_id"),
        call.user.id,
        body.model_dump(exclude={"expected_seq"}),
        expected_seq=body.expected_seq,
        key=call.idempotency_key.key if call.idempotency_key else None,
    )
    return Answer(200, {"seq": played.seq, "view": played.view()})


async def forfeit_game(call: Call[UseCases]) -> Answer:
    """Give up; the game ends as abandoned."""
    played = await call.app.play_card.forfeit(
        call.id("game_id"),
        call.user.id,
        key=call.idempotency_key.key if call.idempotency_key else None,
    )
    return Answer(200, {"seq": played.seq, "view": played.view()})


async def read_proof(call: Call[UseCases]) -> Answer:
    """Show the players of a game that is over everything it was made from."""
    return Answer(200, await call.app.prove_game.proof(call.id("game_id"), call.user.id))


async def list_game_events(call: Call[UseCases]) -> Answer:
    """List the events of a game as the caller's seat received them, oldest first."""
    query = call.query
    items, more = await call.app.replay_game.events(
        call.id("game_id"), call.user.id, query.since, query.limit, query.cursor
    )
    return Answer(200, Page[Json](items=items, next_cursor=more))


async def replay_game(call: Call[UseCases]) -> Answer:
    """Show a game from the caller's seat as it was after any of its moves."""
    shown = await call.app.replay_game.step(call.id("game_id"), call.user.id, call.query.step)
    return Answer(200, shown)


async def create_reconnect_token(call: Call[UseCases]) -> Answer:
    """Give a player a single-use way back to the table's socket."""
    game_id, request = call.id("game_id"), call.request
    standing, _ = await call.app.read_game.standing(game_id, call.user.id)
    issued = await issue_reconnect_token(game_id, call.user.id)
    scheme = "wss" if request.scheme in {"https", "wss"} else "ws"
    view = ReconnectTokenView(
        token=issued.token,
        game_id=game_id,
        epoch=standing.table.epoch,
        seq=standing.seq,
        expires_at=issued.expires_at,
        ws_url=f"{scheme}://{request.host}/api/v1/games/{game_id}/ws?token={issued.token}",
    )
    return Answer(200, view)
