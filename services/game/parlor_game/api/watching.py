"""Watching a game: tokens and tickets for spectators, what they see, and their live socket."""

import asyncio
from datetime import datetime
from uuid import UUID

from parlor_kit.answers import Answer
from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.errors import DependencyUnavailable, Unauthenticated
from parlor_kit.ids import parse_id
from parlor_kit.live_socket import NOT_AUTHENTICATED, LiveSocket
from parlor_kit.principal import bearer
from parlor_kit.routing import Call
from parlor_kit.socket_frames import SocketQuery
from pydantic import ValidationError
from sanic import Request

from parlor_game.api.schemas import SpectatorTokenView, WatchTicketView
from parlor_game.usecases import UseCases
from parlor_game.usecases.follow_game import SPECTATOR
from parlor_game.usecases.issue_spectator_token import issue_spectator_token, watches_until
from parlor_game.usecases.issue_watch_ticket import issue_watch_ticket, redeem_watch_ticket


async def create_spectator_token(call: Call[UseCases]) -> Answer:
    """Give a player a token to hand out: whoever has it may watch."""
    game_id = call.id("game_id")
    ws_url = _ws_url(call.request, game_id)

    async def work(transaction: Transaction) -> Answer:
        issued = await issue_spectator_token(
            transaction, game_id, call.user.id, call.app.spectator_token_ttl
        )
        view = SpectatorTokenView(
            token=issued.token, game_id=game_id, expires_at=issued.expires_at, ws_url=ws_url
        )
        return Answer(201, view, object_id=game_id)

    return await call.app.idempotency.once(call.idempotency_key, work, secret=True)


async def watch_game(call: Call[UseCases]) -> Answer:
    """Show what everybody at the table may see to whoever sends its spectator token as bearer."""
    game_id = call.id("game_id")
    token = bearer(call.request.headers.get("authorization"))
    if token is None or await watches_until(call.app.database, game_id, token) is None:
        raise Unauthenticated()
    return Answer(200, await call.app.read_game.public_view(game_id))


async def create_watch_ticket(call: Call[UseCases]) -> Answer:
    """Give whoever sends a spectator token as bearer a single-use way to the spectators' socket."""
    game_id = call.id("game_id")
    token = bearer(call.request.headers.get("authorization"))
    issued = await issue_watch_ticket(call.app.database, game_id, token) if token else None
    if issued is None:
        raise Unauthenticated()
    view = WatchTicketView(
        token=issued.token,
        game_id=game_id,
        expires_at=issued.expires_at,
        ws_url=f"{_ws_url(call.request, game_id)}?token={issued.token}",
    )
    return Answer(200, view)


async def live_watch(services: UseCases, request: Request, ws: LiveSocket, game_id: str) -> None:
    """Stream a game to a spectator, until the spectator token expires."""
    parsed = parse_id(game_id)
    try:
        query = SocketQuery.model_validate(dict(request.query_args))
        until = await _admitted(services, request, query, parsed)
        if parsed is None or until is None:
            ws.shut(NOT_AUTHENTICATED, "a spectator token or watch ticket of this game is needed")
        else:
            await _watch(services, ws, parsed, query, until)
    except ValidationError:
        ws.shut(1008, "epoch, since or token cannot be read")
    except DependencyUnavailable:
        ws.shut(1013, "try again later")
    await ws.ended()


async def _admitted(
    services: UseCases, request: Request, query: SocketQuery, game_id: UUID | None
) -> datetime | None:
    """Until when this request may watch: by a token in its header, or by a ticket in its URL."""
    if game_id is None:
        return None
    token = bearer(request.headers.get("authorization"))
    if token is not None:
        return await watches_until(services.database, game_id, token)
    # `ws_url` carries its ticket already: what a client appends to it is cut off.
    ticket = (query.token or "").partition("?")[0]
    return await redeem_watch_ticket(services.database, game_id, ticket)


async def _watch(
    services: UseCases, ws: LiveSocket, game_id: UUID, query: SocketQuery, until: datetime
) -> None:
    ending = asyncio.get_running_loop().call_later(
        (until - now()).total_seconds(),
        ws.shut,
        NOT_AUTHENTICATED,
        "the spectator token has expired",
    )
    try:
        await services.hub.serve(
            ws, game_id, SPECTATOR, epoch=query.epoch, since=query.since, commands={}
        )
    finally:
        ending.cancel()


def _ws_url(request: Request, game_id: UUID) -> str:
    scheme = "wss" if request.scheme in {"https", "wss"} else "ws"
    return f"{scheme}://{request.host}/api/v1/games/{game_id}/watch/ws"
