"""Asks the customer service, through its sidecar, who may sit together and on whom it rests."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any
from uuid import UUID

from parlor_kit import logs
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.internal import InternalClient

from parlor_game.ports import Circles

log = logs.get("entitlements")

_PATH = "/internal/v1/entitlements/chat/batch"


class CustomerEntitlements:
    """One batch call a table."""

    def __init__(self, customer: InternalClient) -> None:
        self._customer = customer

    async def circles(self, user_ids: Sequence[UUID]) -> Circles | None:
        pairs = list(combinations(user_ids, 2))
        found: dict[UUID, set[UUID]] = {user_id: set() for user_id in user_ids}
        if not pairs:
            return dict.fromkeys(found, ())
        for pair, decision in zip(pairs, await self._decisions(pairs), strict=True):
            if decision["entitled"] is not True:
                return None
            if decision["distributor_id"] is not None:
                for user_id in pair:
                    found[user_id].add(UUID(decision["distributor_id"]))
        return {user_id: sorted(distributors) for user_id, distributors in found.items()}

    async def belongs(self, user_id: UUID, distributor_id: UUID) -> bool:
        (decision,) = await self._decisions([(user_id, distributor_id)])
        # Two customers may share one; of the two people themselves it must be this one.
        return decision["entitled"] is True and decision["distributor_id"] == str(distributor_id)

    async def _decisions(self, pairs: Sequence[tuple[UUID, UUID]]) -> list[dict[str, Any]]:
        """The customer service's word on each pair, in their order."""
        asked = [[str(first), str(second)] for first, second in pairs]
        status, answer = await self._customer.call("POST", _PATH, body={"pairs": asked})
        if status != 200 or len(answer["entitlements"]) != len(pairs):
            log.error("entitlements.unexpected_answer", status=status)
            raise DependencyUnavailable("The customer service gave no answer")
        decisions: list[dict[str, Any]] = answer["entitlements"]
        return decisions
