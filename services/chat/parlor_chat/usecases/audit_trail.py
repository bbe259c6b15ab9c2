"""Writes the audit records of moderation, holds and expiry, in the transaction of what they tell.

Called by use cases alone. A record names who acted by their credential, never by anything that
they sent, and never holds a word of a message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from parlor_kit import tracing
from parlor_kit.clock import now
from parlor_kit.principal import Principal, ServiceCaller

_INSERT = """
INSERT INTO audit_records
    (at, action, actor, role, conversation_id, hold_id, run_id, reason, details, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user by id, or a service by name."""

    name: str
    role: str

    @classmethod
    def user(cls, principal: Principal) -> "Actor":
        return cls(str(principal.id), principal.role.value)

    @classmethod
    def service(cls, caller: ServiceCaller) -> "Actor":
        return cls(caller.name, "service")


async def record(
    connection: asyncpg.Connection,
    action: str,
    actor: Actor,
    *,
    conversation_id: UUID | None = None,
    hold_id: UUID | None = None,
    run_id: UUID | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add one record; it commits or rolls back with the caller's transaction."""
    await connection.execute(
        _INSERT,
        now(),
        action,
        actor.name,
        actor.role,
        conversation_id,
        hold_id,
        run_id,
        reason,
        orjson.dumps(details or {}, option=orjson.OPT_SORT_KEYS).decode(),
        tracing.current().request_id,
    )
