"""The live socket of a game: who may sit there, from where it resumes, what may be said."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from parlor_kit.errors import DependencyUnavailable, Unauthenticated, ValidationFailed
from parlor_kit.http import violations
from parlor_kit.hub import StreamClosed
from parlor_kit.ids import parse_id
from parlor_kit.live_socket import NOT_AUTHENTICATED, NOT_ENTITLED, UNKNOWN, LiveSocket
from parlor_kit.principal import bearer
from parlor_kit.socket_frames import SocketQuery
from parlor_kit.tracing import Trace, bind
from pydantic import BaseModel, ValidationError
from sanic import Request

from parlor_game.api.repeats import Repeats
from parlor_game.api.socket_frames import ForfeitFrame, PlayFrame
from parlor_game.usecases import UseCases
from parlor_game.usecases.issue_reconnect_token import redeem_reconnect_token

Frame = TypeVar("Frame", bound=BaseModel)

_NOT_OF_THE_PLAY = {"type", "id", "key", "expected_seq"}


async def live_game(services: UseCases, request: Request, ws: LiveSocket, game_id: str) -> None:
    """Stream a game to one of its players and take its plays."""
    parsed = parse_id(game_id)
    try:
        query = SocketQuery.model_validate(dict(request.query_args))
        user_id = await _authenticate(services, request, query, parsed)
        if parsed is None or not await services.read_game.is_player(parsed, user_id):
            ws.shut(UNKNOWN, "there is no such game here")
        else:
            await _sit_down(services, ws, parsed, user_id, query, request.ctx.trace)
    except ValidationError:
        ws.shut(1008, "epoch, since or token cannot be read")
    except Unauthenticated:
        ws.shut(NOT_AUTHENTICATED, "a valid token is needed")
    except DependencyUnavailable:
        ws.shut(1013, "try again later")
    await ws.ended()


async def _authenticate(
    services: UseCases, request: Request, query: SocketQuery, game_id: UUID | None
) -> UUID:
    """The player: by reconnect token if there is one, else by access token; never by two people.

    `ws_url` carries its token already: what a client appends to it is cut off.
    """
    header = request.headers.get("authorization")
    principal = None
    if header is not None or query.token is None:
        principal = await services.users.authenticate(bearer(header))
    if query.token is None and principal is not None:
        return principal.id
    token = (query.token or "").partition("?")[0]
    user_id = None
    if game_id is not None:
        user_id = await redeem_reconnect_token(
            services.database, game_id, token, only_for=principal.id if principal else None
        )
    if user_id is None:
        raise Unauthenticated()
    return user_id


async def _sit_down(
    services: UseCases,
    ws: LiveSocket,
    game_id: UUID,
    user_id: UUID,
    query: SocketQuery,
    trace: Trace,
) -> None:
    repeats = Repeats()

    # Commands start in the connection's callback, where no request is bound: what they cause
    # belongs to the handshake's.
    async def play(message: Mapping[str, Any]) -> Mapping[str, Any]:
        bind(trace)
        return await repeats.once(message, lambda: _play(services, game_id, user_id, message))

    async def forfeit(message: Mapping[str, Any]) -> Mapping[str, Any]:
        bind(trace)
        return await repeats.once(message, lambda: _forfeit(services, game_id, user_id, message))

    async def admit() -> None:
        if await services.disabled_accounts.include(user_id):
            raise StreamClosed(NOT_ENTITLED, "this account is disabled")

    async with services.presence.present(game_id, user_id):
        await services.hub.serve(
            ws,
            game_id,
            user_id,
            epoch=query.epoch,
            since=query.since,
            commands={"play": play, "forfeit": forfeit},
            admit=admit,
        )


async def _play(
    services: UseCases, game_id: UUID, user_id: UUID, message: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The play route by another door: the same body, rules and refusals."""
    frame = _read(PlayFrame, message)
    played = await services.play_card.play(
        game_id,
        user_id,
        frame.model_dump(exclude=_NOT_OF_THE_PLAY),
        expected_seq=frame.expected_seq,
        key=_key(frame),
    )
    return {"seq": played.seq}


async def _forfeit(
    services: UseCases, game_id: UUID, user_id: UUID, message: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The forfeit route by another door."""
    frame = _read(ForfeitFrame, message)
    played = await services.play_card.forfeit(game_id, user_id, key=_key(frame))
    return {"seq": played.seq}


def _read(model: type[Frame], message: Mapping[str, Any]) -> Frame:
    try:
        return model.model_validate(message)
    except ValidationError as wrong:
        raise ValidationFailed(violations(wrong)) from wrong


def _key(frame: PlayFrame | ForfeitFrame) -> str | None:
    """What the Idempotency-Key header is to the route: `key`, or an `id` that is a UUID.

    Any other `id` may be a count that begins anew with each socket, and names no one play.
    """
    if frame.key is not None:
        return frame.key
    unique = parse_id(frame.id or "")
    return None if unique is None else str(unique)
