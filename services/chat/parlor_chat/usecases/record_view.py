"""Records that an admin or a moderator looked at something, where the look itself reads only.

Called by `api.recorded`, which wraps the route functions that only read. Reading retained content
has richer records of its own, see `review_conversation`.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from parlor_kit.database import Database

from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor


class RecordView:
    """Writes one audit record, committed when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self,
        action: str,
        actor: Actor,
        *,
        ids: Mapping[str, UUID],
        matter: str | None,
        reason: str | None,
        details: Mapping[str, Any],
    ) -> None:
        """`ids` are the record's columns by name; others belong into `details`."""
        async with self._database.transaction() as transaction:
            await audit_trail.record(
                transaction.connection,
                action,
                actor,
                conversation_id=ids.get("conversation_id"),
                hold_id=ids.get("hold_id"),
                run_id=ids.get("run_id"),
                user_id=ids.get("user_id"),
                matter=matter,
                reason=reason,
                details=details,
            )
