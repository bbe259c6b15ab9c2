"""What people see and change of their own account, and the keys that tokens are checked with."""

from parlor_kit.answers import Answer
from parlor_kit.pages import Page, encode_cursor, id_in
from parlor_kit.routing import Call

from parlor_identity.addresses import client_place
from parlor_identity.api.schemas import ErasureView, ProfileView, SessionView
from parlor_identity.usecases.services import IdentityServices

_KEYS_MAX_AGE = 300


async def get_own_profile(call: Call[IdentityServices]) -> Answer:
    """Return the current user profile."""
    return Answer(200, ProfileView.of(await call.app.read_accounts.own(call.user)))


async def change_own_password(call: Call[IdentityServices]) -> Answer:
    """Set another password and end all other sessions."""
    await call.app.change_password(
        call.user,
        current=call.body.current_password,
        new=call.body.new_password,
        address=client_place(call.request),
    )
    return Answer(204)


async def erase_own_account(call: Call[IdentityServices]) -> Answer:
    """Erase the current user's account, and say what of it stays elsewhere, why and how long."""
    erased = await call.app.erase_account(
        call.user, password=call.body.password, address=client_place(call.request)
    )
    return Answer(202, ErasureView.of(erased))


async def list_own_sessions(call: Call[IdentityServices]) -> Answer:
    """List the sessions of the current user, newest first."""
    limit = call.query.limit
    found = await call.app.own_sessions.page(
        call.user, before=id_in(call.query.cursor), limit=limit + 1
    )
    items = [
        SessionView(
            id=session.id,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            user_agent=session.user_agent,
            address=session.address,
            current=str(session.id) == call.user.session_id,
        )
        for session in found[:limit]
    ]
    more = encode_cursor(items[-1].id) if len(found) > limit else None
    return Answer(200, Page[SessionView](items=items, next_cursor=more))


async def end_own_session(call: Call[IdentityServices]) -> Answer:
    """End one session of the current user."""
    await call.app.own_sessions.end(call.user, call.id("session_id"))
    return Answer(204)


async def get_signing_keys(call: Call[IdentityServices]) -> Answer:
    """Publish the keys that access tokens are checked with."""
    document = call.app.keys.document
    headers = {"cache-control": f"public, max-age={_KEYS_MAX_AGE}", "etag": document.etag}
    asked = call.request.headers.get("if-none-match", "")
    if document.etag in (tag.strip().removeprefix("W/") for tag in asked.split(",")):
        return Answer(304, headers=headers)
    return Answer(200, document.content, headers=headers)
