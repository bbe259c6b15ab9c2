"""Restoring a released hold within its grace, as if it had never been released.

Called by the moderation API. Nothing of what it covered can have gone meanwhile, since the grace
protects as the hold did; whether it is over is asked behind the gate, so no batch comes in between.
A hold that a LegalHold resource manages is not restored here: the resource's word is Released for
good. Another resource, or a hold through the API, has to be placed before the grace is over.
"""

from uuid import UUID

from parlor_kit.database import Database

from parlor_chat.retention_errors import GraceOver, HoldNotFound, ManagedByOperator
from parlor_chat.usecases import hold_coverage, legal_holds
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.legal_holds import LegalHold
from parlor_chat.usecases.release_hold import refuse_unless_admin_or_api


class RestoreHold:
    """Undoes a release."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, actor: Actor, hold_id: UUID, *, reason: str, conversation_id: UUID | None = None
    ) -> LegalHold:
        """The hold, which stands again; one that stands already is given as it is.

        Raises:
            HoldNotFound: there is no such hold, or it does not cover `conversation_id`.
            ManagedByOperator: its LegalHold resource released it.
            OrphanReleaseForbidden: its resource is gone, but the caller is no admin.
            GraceOver: what it held may be gone.
        """
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            await hold_coverage.enter_gate(connection)
            hold = await legal_holds.find(connection, hold_id)
            if conversation_id is not None:
                covering = await hold_coverage.holds_of(connection, conversation_id)
                if hold_id not in {row["id"] for row in covering}:
                    raise HoldNotFound()
            if hold.active:
                return hold
            if hold.managed_by_operator:
                raise ManagedByOperator()
            refuse_unless_admin_or_api(actor, hold)
            restored = await legal_holds.restore(transaction, hold, actor, reason=reason)
            if restored is None:
                raise GraceOver()
            return restored
