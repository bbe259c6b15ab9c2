"""Ends sessions: by logging out, or by their owner from another device. Lists them, too."""

from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database, gone_is_unavailable
from parlor_kit.errors import NotFound
from parlor_kit.principal import Principal

from parlor_identity.models import LoginSession, SessionEnd
from parlor_identity.refresh_tokens import RefreshTokens
from parlor_identity.usecases.accounts import still_acting
from parlor_identity.usecases.sessions import end_session


class LogOut:
    """Ends the session of a refresh token, whichever of its tokens it is.

    An unknown token is no error: what the caller wants is so already (RFC 7009, section 2.2).
    """

    def __init__(self, database: Database, refresh_tokens: RefreshTokens) -> None:
        self._database = database
        self._refresh_tokens = refresh_tokens

    async def __call__(self, token: str) -> None:
        async with self._database.connection() as connection:
            session_id = await connection.fetchval(
                "SELECT session_id FROM refresh_tokens WHERE hash = $1",
                self._refresh_tokens.hash(token),
            )
            if session_id is not None:
                await end_session(connection, session_id, SessionEnd.LOGGED_OUT)


class OwnSessions:
    """The sessions of the caller."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, principal: Principal, *, before: UUID | None, limit: int
    ) -> list[LoginSession]:
        """Those that go on, newest first, from the one after `before`."""
        async with self._database.connection() as connection:
            await still_acting(connection, principal)
        query = LoginSession.filter(
            account_id=principal.id, ended_at__isnull=True, expires_at__gt=now()
        )
        if before is not None:
            query = query.filter(id__lt=before)
        async with gone_is_unavailable():
            return await query.order_by("-id").limit(limit)

    async def end(self, principal: Principal, session_id: UUID) -> None:
        """End one of them; 404 for any other."""
        async with self._database.connection() as connection:
            await still_acting(connection, principal)
            owned = await connection.fetchval(
                "SELECT true FROM sessions WHERE id = $1 AND account_id = $2",
                session_id,
                principal.id,
            )
            if not owned or not await end_session(
                connection, session_id, SessionEnd.ENDED_BY_OWNER
            ):
                raise NotFound()
