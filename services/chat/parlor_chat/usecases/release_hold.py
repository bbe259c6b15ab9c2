"""Releasing legal holds of one conversation, asked for by a moderator or an admin.

Called by the moderation API. A hold that a LegalHold resource manages ends with that resource's
word alone; once the resource is gone, an admin may end it here by naming its matter, and it ends as
a whole, for everything that it covered. What another hold covers stays held.
"""

from uuid import UUID

from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound
from parlor_kit.principal import Role

from parlor_chat.retention_errors import HoldNotFound, ManagedByOperator, OrphanReleaseForbidden
from parlor_chat.retention_models import HoldSource
from parlor_chat.usecases import hold_coverage, legal_holds
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.legal_holds import LegalHold


class ReleaseHold:
    """Ends holds; the content goes with the next run of archive expiry, not before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, actor: Actor, conversation_id: UUID, matter: str | None
    ) -> list[LegalHold]:
        """The holds that this call released: of `matter`, or all that came through the API.

        Raises:
            NotFound: there is no such conversation.
            HoldNotFound: the matter never held this conversation.
            ManagedByOperator: only holds of a LegalHold resource stand in question.
            OrphanReleaseForbidden: the resource is gone, but the caller is no admin.
        """
        async with self._database.transaction() as transaction:
            holds = await self._standing(transaction, conversation_id, matter)
            releasable = [hold for hold in holds if self._may_release(hold, matter)]
            if not releasable and any(hold.managed_by_operator for hold in holds):
                raise ManagedByOperator()
            orphans = [hold for hold in releasable if hold.source is HoldSource.OPERATOR]
            if orphans and actor.role != Role.ADMIN:
                raise OrphanReleaseForbidden()
            ended = [
                await legal_holds.release(transaction, hold, actor, conversation_id=conversation_id)
                for hold in releasable
            ]
            return [hold for hold in ended if hold is not None]

    async def _standing(
        self, transaction: Transaction, conversation_id: UUID, matter: str | None
    ) -> list[LegalHold]:
        connection = transaction.connection
        known = await connection.fetchval(
            "SELECT true FROM conversations WHERE id = $1 FOR NO KEY UPDATE", conversation_id
        )
        if not known:
            raise NotFound("There is no such conversation")
        rows = await hold_coverage.holds_of(connection, conversation_id)
        holds = [LegalHold.of(row) for row in rows if matter is None or row["matter"] == matter]
        if matter is not None and not holds:
            raise HoldNotFound()
        return [hold for hold in holds if hold.active]

    @staticmethod
    def _may_release(hold: LegalHold, matter: str | None) -> bool:
        """Holds of the API; an orphan only by its name, since it may hold much more than this."""
        if hold.source is HoldSource.API:
            return True
        return hold.orphaned_at is not None and matter is not None
