"""Releasing legal holds, asked for by a moderator or an admin: a conversation's, or one by id.

Called by the moderation API. A hold that a LegalHold resource manages ends with that resource's
word alone; once the resource is gone, an admin may end it here by naming it, and it ends as a
whole, for everything that it covered. What another hold covers stays held, and what was released
stays for a grace more, see `restore_hold`.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound
from parlor_kit.principal import Role

from parlor_chat.retention_errors import (
    HoldCoversMore,
    HoldNotFound,
    ManagedByOperator,
    OrphanReleaseForbidden,
)
from parlor_chat.retention_models import HoldSource
from parlor_chat.usecases import hold_coverage, legal_holds
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.legal_holds import LegalHold

# Holds that cover more than this conversation.
_WIDER = """
SELECT hold_id FROM hold_custodians WHERE hold_id = ANY ($1)
UNION
SELECT hold_id FROM hold_conversations WHERE hold_id = ANY ($1) AND conversation_id <> $2
"""


class ReleaseHold:
    """Ends holds; the content goes with a run of archive expiry after the grace, not before."""

    def __init__(self, database: Database, grace: timedelta) -> None:
        self._database = database
        self._grace = grace

    async def __call__(
        self,
        actor: Actor,
        conversation_id: UUID,
        matter: str | None,
        reason: str | None = None,
    ) -> list[LegalHold]:
        """The holds that this call released: of `matter`, or all that came through the API.

        Without a matter it is all of them or none: a hold that covers more than this conversation
        is released by naming it, and whoever does not is told so.

        Raises:
            NotFound: there is no such conversation.
            HoldNotFound: the matter never held this conversation.
            HoldCoversMore: no matter is named, and one of the holds covers more.
            ManagedByOperator: only holds of a LegalHold resource stand in question.
            OrphanReleaseForbidden: the resource is gone, but the caller is no admin.
        """
        async with self._database.transaction() as transaction:
            holds = await self._standing(transaction, conversation_id, matter)
            if matter is None:
                releasable = [hold for hold in holds if hold.source is HoldSource.API]
                await self._refuse_wider(transaction, releasable, conversation_id)
            else:
                releasable = [hold for hold in holds if not hold.managed_by_operator]
            if not releasable and any(hold.managed_by_operator for hold in holds):
                raise ManagedByOperator()
            for hold in releasable:
                refuse_unless_admin_or_api(actor, hold)
            ended = [
                await legal_holds.release(
                    transaction,
                    hold,
                    actor,
                    grace=self._grace,
                    conversation_id=conversation_id,
                    reason=reason,
                )
                for hold in releasable
            ]
            return [hold for hold in ended if hold is not None]

    async def one(self, actor: Actor, hold_id: UUID, reason: str | None = None) -> LegalHold:
        """The hold, released by this call or before.

        Raises:
            HoldNotFound: there is no such hold.
            ManagedByOperator: its LegalHold resource says when it ends.
            OrphanReleaseForbidden: the resource is gone, but the caller is no admin.
        """
        async with self._database.transaction() as transaction:
            hold = await legal_holds.find(transaction.connection, hold_id)
            if not hold.active:
                return hold
            if hold.managed_by_operator:
                raise ManagedByOperator()
            refuse_unless_admin_or_api(actor, hold)
            ended = await legal_holds.release(
                transaction, hold, actor, grace=self._grace, reason=reason
            )
            return ended or hold

    @staticmethod
    async def _refuse_wider(
        transaction: Transaction, holds: Sequence[LegalHold], conversation_id: UUID
    ) -> None:
        rows = await transaction.connection.fetch(
            _WIDER, [hold.id for hold in holds], conversation_id
        )
        wider = {row["hold_id"] for row in rows}
        if wider:
            raise HoldCoversMore(
                "Release it by `DELETE /api/v1/admin/legal-holds/{hold_id}`, and then what is left "
                "here; or name one matter after the other",
                extra={
                    "holds": [
                        {"id": str(hold.id), "matter": hold.matter}
                        for hold in holds
                        if hold.id in wider
                    ]
                },
            )

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


def refuse_unless_admin_or_api(actor: Actor, hold: LegalHold) -> None:
    """Only an admin decides about a hold whose resource is gone: it may cover much.

    Raises:
        OrphanReleaseForbidden: that is such a hold, and the caller is no admin.
    """
    if hold.source is HoldSource.OPERATOR and actor.role != Role.ADMIN:
        raise OrphanReleaseForbidden()
