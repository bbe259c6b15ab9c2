"""Watching a game: tokens for spectators, what they see, and their live socket."""

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.errors import DependencyUnavailable, Unauthenticated
from parlor_kit.ids import parse_id
from parlor_kit.live_socket import NOT_AUTHENTICATED, LiveSocket
from parlor_kit.principal import bearer
from parlor_kit.routing import Call
from pydantic import ValidationError
from sanic import Request

from parlor_game.api.schemas import SocketQuery, SpectatorTokenView
from parlor_game.usecases import UseCases
from parlor_game.usecases.follow_game import SPECTATOR
from parlor_game.usecases.issue_spectator_token import issue_spectator_token, lets_watch


async def create_spectator_token(call: Call[UseCases]) -> Answer:
    """Give a player a token to hand out: whoever has it may watch."""
    game_id, request = call.id("game_id"), call.request
    scheme = "wss" if request.scheme in {"https", "wss"} else "ws"
    path = f"{scheme}://{request.host}/api/v1/games/{game_id}/watch/ws"

    async def work(transaction: Transaction) -> Answer:
        issued = await issue_spectator_token(
            transaction, game_id, call.user.id, call.app.spectator_token_ttl
        )
        view = SpectatorTokenView(
            token=issued.token,
            game_id=game_id,
            expires_at=issued.expires_at,
            ws_url=f"{path}?token={issued.token}",
        )
        return Answer(201, view, object_id=game_id)

    return await call.app.idempotency.once(call.idempotency_key, work, secret=True)


async def watch_game(call: Call[UseCases]) -> Answer:
    """Show a game to a spectator: what everybody at the table may see."""
    game_id = call.id("game_id")
    token = call.query.token or bearer(call.request.headers.get("authorization"))
    if token is None or not await lets_watch(call.app.database, game_id, token):
        raise Unauthenticated()
    return Answer(200, await call.app.read_game.public_view(game_id))


async def live_watch(services: UseCases, request: Request, ws: LiveSocket, game_id: str) -> None:
    """Stream a game to a spectator."""
    parsed = parse_id(game_id)
    try:
        query = SocketQuery.model_validate(dict(request.query_args))
        # `ws_url` carries its token already: what a client appends to it is cut off.
        given = (query.token or "").partition("?")[0]
        token = given or bearer(request.headers.get("authorization"))
        if (
            parsed is None
            or token is None
            or not await lets_watch(services.database, parsed, token)
        ):
            ws.shut(NOT_AUTHENTICATED, "a spectator token of this game is needed")
        else:
            await services.hub.serve(
                ws, parsed, SPECTATOR, epoch=query.epoch, since=query.since, commands={}
            )
    except ValidationError:
        ws.shut(1008, "epoch, since or token cannot be read")
    except DependencyUnavailable:
        ws.shut(1013, "try again later")
    await ws.ended()
