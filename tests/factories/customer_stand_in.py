"""A stand-in for the customer service: its internal batch of entitlements, over real HTTP.

For tests that run one service alone. Everybody is entitled but the pairs in `strangers`; where
both are of one circle, it rests on its distributor. `away` makes it refuse as a stopped service's
sidecar does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web


@dataclass
class CustomerStandIn:
    """See the module."""

    url: str = ""
    away: bool = False
    asked: list[list[list[str]]] = field(default_factory=list)
    credentials: set[str] = field(default_factory=set)
    strangers: set[frozenset[str]] = field(default_factory=set)
    circles: dict[str, set[str]] = field(default_factory=dict)  # distributor: customers

    def part(self, first: UUID, second: UUID) -> None:
        """These two are not entitled any more."""
        self.strangers.add(frozenset({str(first), str(second)}))

    def gather(self, distributor: UUID, *customers: UUID) -> None:
        """These are customers of this distributor."""
        known = self.circles.setdefault(str(distributor), set())
        known.update(str(customer) for customer in customers)

    def _rests_on(self, first: str, second: str) -> tuple[str, str | None]:
        for distributor, customers in sorted(self.circles.items()):
            if {first, second} <= customers | {distributor} and distributor in (first, second):
                return "distributor_and_customer", distributor
        for distributor, customers in sorted(self.circles.items()):
            if {first, second} <= customers:
                return "same_distributor", distributor
        return "same_distributor", None

    async def _batch(self, request: web.Request) -> web.Response:
        if self.away:
            return web.json_response({"code": "upstream_unavailable"}, status=503)
        self.credentials.add(request.headers.get("authorization", ""))
        pairs = (await request.json())["pairs"]
        self.asked.append(pairs)
        return web.json_response({"entitlements": [self._entitlement(*pair) for pair in pairs]})

    def _entitlement(self, first: str, second: str) -> dict[str, Any]:
        entitled = frozenset({first, second}) not in self.strangers
        reason, distributor = self._rests_on(first, second)
        return {
            "first_user_id": first,
            "second_user_id": second,
            "entitled": entitled,
            "reason": reason if entitled else "none",
            "distributor_id": distributor if entitled else None,
            "checked_at": "2026-01-01T00:00:00.000000Z",
        }


@asynccontextmanager
async def customer_stand_in() -> AsyncIterator[CustomerStandIn]:
    """A running stand-in."""
    customer = CustomerStandIn()
    app = web.Application()
    app.router.add_post("/internal/v1/entitlements/chat/batch", customer._batch)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    customer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield customer
    finally:
        await runner.cleanup()
