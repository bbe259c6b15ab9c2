"""Asks the customer service, through its sidecar, whether a table may sit together."""

from collections.abc import Sequence
from itertools import combinations
from uuid import UUID

from parlor_kit import logs
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.internal import InternalClient

log = logs.get("entitlements")

_PATH = "/internal/v1/entitlements/chat/batch"


class CustomerEntitlements:
    """One batch call a table."""

    def __init__(self, customer: InternalClient) -> None:
        self._customer = customer

    async def all_entitled(self, user_ids: Sequence[UUID]) -> bool:
        pairs = [[str(first), str(second)] for first, second in combinations(user_ids, 2)]
        status, answer = await self._customer.call("POST", _PATH, body={"pairs": pairs})
        if status != 200 or len(answer["entitlements"]) != len(pairs):
            log.error("entitlements.unexpected_answer", status=status)
            raise DependencyUnavailable("The customer service gave no answer")
        return all(pair["entitled"] is True for pair in answer["entitlements"])
