"""Asks the customer service who may chat with whom, through its sidecar."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from parlor_kit.errors import DependencyUnavailable
from parlor_kit.internal import InternalClient

from parlor_chat.ports import Entitlement, Pair

_PATH = "/internal/v1/entitlements/chat/batch"
_MAX_PAIRS = 500


class CustomerEntitlements:
    """`ports.Entitlements` over the batch route; long lists go in several calls."""

    def __init__(self, customer: InternalClient) -> None:
        self._customer = customer

    async def check(self, pairs: Sequence[Pair]) -> Sequence[Entitlement]:
        parts = [pairs[start : start + _MAX_PAIRS] for start in range(0, len(pairs), _MAX_PAIRS)]
        answers = await asyncio.gather(*(self._ask(part) for part in parts))
        return [entitlement for answer in answers for entitlement in answer]

    async def _ask(self, pairs: Sequence[Pair]) -> list[Entitlement]:
        status, answer = await self._customer.call("POST", _PATH, body={"pairs": pairs})
        if status != 200:
            raise DependencyUnavailable("customer cannot say who may chat")
        return [
            Entitlement(
                pair,
                item["entitled"],
                UUID(item["distributor_id"]) if item["distributor_id"] else None,
            )
            for pair, item in zip(pairs, answer["entitlements"], strict=True)
        ]
