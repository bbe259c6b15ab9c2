"""Registration, login, refresh and logout: the routes that anybody may call."""

from typing import Any

from parlor_kit.answers import Answer
from parlor_kit.routing import Call

from parlor_identity.addresses import client_place
from parlor_identity.api.schemas import ProfileView, TokensView
from parlor_identity.usecases.accounts import AccountRow
from parlor_identity.usecases.log_in import Client
from parlor_identity.usecases.services import IdentityServices
from parlor_identity.usecases.sessions import Granted

# RFC 6749, section 5.1: no cache may keep a token.
NOT_STORED = {"cache-control": "no-store"}
_USER_AGENT_LENGTH = 200


def _tokens(granted: Granted) -> Answer:
    view = TokensView(
        access_token=granted.access_token,
        expires_in=granted.expires_in,
        refresh_token=granted.refresh_token,
        refresh_expires_in=granted.refresh_expires_in,
    )
    return Answer(200, view, headers=NOT_STORED)


def _client(call: Call[Any]) -> Client:
    agent = call.request.headers.get("user-agent", "")[:_USER_AGENT_LENGTH]
    printable = "".join(character for character in agent if character.isprintable())
    return Client(client_place(call.request), printable)


async def register(call: Call[IdentityServices]) -> Answer:
    """Register a user."""

    def render(account: AccountRow) -> Answer:
        return Answer(201, ProfileView.of(account), object_id=account.id)

    return await call.app.register_user(
        email=call.body.email,
        password=call.body.password,
        display_name=call.body.display_name,
        address=client_place(call.request),
        key=call.idempotency_key,
        render=render,
    )


async def login(call: Call[IdentityServices]) -> Answer:
    """Authenticate and issue tokens."""
    return _tokens(await call.app.log_in(call.body.email, call.body.password, _client(call)))


async def refresh(call: Call[IdentityServices]) -> Answer:
    """Take a refresh token once and issue the next pair of tokens."""
    return _tokens(await call.app.refresh_session(call.body.refresh_token))


async def logout(call: Call[IdentityServices]) -> Answer:
    """End the session of a refresh token."""
    await call.app.log_out(call.body.refresh_token)
    return Answer(204)
