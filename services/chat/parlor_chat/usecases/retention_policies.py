"""Retention policies: how long messages stay, for everybody, a distributor or a conversation.

Called by the admin routes. Policies may keep longer than the settings say; a shorter one is refused
unless CHAT_EARLY_EXPIRY allows it, since it would let an admin delete what a hold may yet need. A
policy takes the gate of legal holds, so it is in force for a running expiry from its commit on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import asyncpg
from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound
from parlor_kit.ids import new_id
from parlor_kit.pages import encode_cursor, id_in

from parlor_chat.retention_errors import EarlyExpiryForbidden
from parlor_chat.usecases import audit_trail, hold_coverage
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.run_archive_expiry import Periods

_COLUMNS = """
id, scope, distributor_id, conversation_id, archive_after, expire_after, reason, set_by, set_at
"""

_SET = f"""
INSERT INTO retention_policies ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT {{target}} DO UPDATE SET
    archive_after = excluded.archive_after, expire_after = excluded.expire_after,
    reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at
RETURNING {_COLUMNS}, xmax = 0 AS fresh
"""  # noqa: S608 - columns only

_TARGETS = {
    "global": "(scope) WHERE scope = 'global'",
    "distributor": "(distributor_id)",
    "conversation": "(conversation_id)",
}

_PAGE = f"""
SELECT {_COLUMNS} FROM retention_policies WHERE $1::uuid IS NULL OR id > $1
ORDER BY id LIMIT $2
"""  # noqa: S608 - columns only


class PolicyScope(StrEnum):
    """For whose conversations a policy is; the narrower one comes first."""

    GLOBAL = "global"
    DISTRIBUTOR = "distributor"
    CONVERSATION = "conversation"


@dataclass(frozen=True, slots=True)
class PolicyOrder:
    """What an admin wants: at most one of the two ids, none for everybody."""

    archive_after: timedelta
    expire_after: timedelta
    reason: str
    distributor_id: UUID | None = None
    conversation_id: UUID | None = None

    @property
    def scope(self) -> PolicyScope:
        if self.conversation_id is not None:
            return PolicyScope.CONVERSATION
        return PolicyScope.DISTRIBUTOR if self.distributor_id else PolicyScope.GLOBAL


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """A row of `retention_policies`."""

    id: UUID
    scope: PolicyScope
    distributor_id: UUID | None
    conversation_id: UUID | None
    archive_after: timedelta
    expire_after: timedelta
    reason: str
    set_by: str
    set_at: datetime

    @classmethod
    def of(cls, row: asyncpg.Record) -> "RetentionPolicy":
        known = {name: row[name] for name in cls.__slots__ if name != "scope"}
        return cls(scope=PolicyScope(row["scope"]), **known)


class RetentionPolicies:
    """Sets, lists and deletes policies, with a record of each in the audit trail."""

    def __init__(self, database: Database, periods: Periods) -> None:
        self._database = database
        self._periods = periods

    async def set(
        self, transaction: Transaction, actor: Actor, order: PolicyOrder
    ) -> tuple[RetentionPolicy, bool]:
        """The policy of that scope from now on, and whether there was none before.

        Raises:
            EarlyExpiryForbidden: it keeps shorter than the settings say.
            NotFound: there is no such conversation.
        """
        shorter = (
            order.archive_after < self._periods.archive_after
            or order.expire_after < self._periods.expire_after
        )
        if shorter and not self._periods.early:
            raise EarlyExpiryForbidden()
        connection = transaction.connection
        await hold_coverage.enter_gate(connection)
        if order.conversation_id is not None and not await connection.fetchval(
            "SELECT true FROM conversations WHERE id = $1", order.conversation_id
        ):
            raise NotFound("There is no such conversation")
        row = await connection.fetchrow(
            _SET.format(target=_TARGETS[order.scope]),
            new_id(),
            order.scope.value,
            order.distributor_id,
            order.conversation_id,
            order.archive_after,
            order.expire_after,
            order.reason,
            actor.name,
            now(),
        )
        policy = RetentionPolicy.of(row)
        await _tell(connection, "retention_policy.set", actor, policy, order.reason)
        return policy, row["fresh"]

    async def page(
        self, limit: int, cursor: str | None
    ) -> tuple[Sequence[RetentionPolicy], str | None]:
        """Policies in the order of their making, and where the next page begins."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_PAGE, id_in(cursor), limit + 1)
        policies = [RetentionPolicy.of(row) for row in rows[:limit]]
        return policies, encode_cursor(policies[-1].id) if len(rows) > limit else None

    async def delete(self, actor: Actor, policy_id: UUID, reason: str) -> RetentionPolicy:
        """Take a policy away; what is broader decides from now on.

        Raises:
            NotFound: there is no such policy.
        """
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            await hold_coverage.enter_gate(connection)
            row = await connection.fetchrow(
                f"DELETE FROM retention_policies WHERE id = $1 RETURNING {_COLUMNS}",  # noqa: S608
                policy_id,
            )
            if row is None:
                raise NotFound("There is no such policy")
            policy = RetentionPolicy.of(row)
            await _tell(connection, "retention_policy.deleted", actor, policy, reason)
        return policy


async def _tell(
    connection: asyncpg.Connection, action: str, actor: Actor, policy: RetentionPolicy, reason: str
) -> None:
    await audit_trail.record(
        connection,
        action,
        actor,
        conversation_id=policy.conversation_id,
        reason=reason,
        details={
            "policy_id": str(policy.id),
            "scope": policy.scope.value,
            "distributor_id": str(policy.distributor_id) if policy.distributor_id else None,
            "archive_after_seconds": int(policy.archive_after.total_seconds()),
            "expire_after_seconds": int(policy.expire_after.total_seconds()),
        },
    )
