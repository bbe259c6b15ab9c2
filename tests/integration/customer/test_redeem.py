"""Redeeming an invite: once for each use and each customer, whatever races."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from factories.identity_stand_in import IdentityStandIn
from factories.running_api import Reply

pytestmark = pytest.mark.integration

Redeem = Callable[..., Awaitable[Reply]]
MakeInvite = Callable[..., Awaitable[dict[str, str]]]


async def test_a_customer_redeems(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    distributor, customer = identity.user("distributor"), identity.user("customer")
    invite = await make_invite(distributor)
    answer = await redeem(customer, invite["token"])
    assert answer.status == 201, answer.body
