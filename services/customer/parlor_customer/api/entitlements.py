"""Entitlements: for the two people themselves, and for the services that act on them."""

from parlor_kit.answers import Answer
from parlor_kit.errors import NotFound
from parlor_kit.routing import Call

from parlor_customer.api.schemas import EntitlementsView, EntitlementView
from parlor_customer.policies import sees_entitlement_of
from parlor_customer.usecases import UseCases


async def check_chat_entitlement(call: Call[UseCases]) -> Answer:
    """Say whether two people may chat and play, to one of them or to those who oversee."""
    if not sees_entitlement_of(call.user, call.id("first_user_id"), call.id("second_user_id")):
        raise NotFound()
    return await _decide(call)


async def decide_chat_entitlement(call: Call[UseCases]) -> Answer:
    """Say whether two people may chat and play, to a trusted service."""
    return await _decide(call)


async def decide_chat_entitlements(call: Call[UseCases]) -> Answer:
    """Say of many pairs, in their order, whether they may chat and play."""
    decisions = await call.app.check_entitlement(call.body.pairs)
    return Answer(200, EntitlementsView(entitlements=[EntitlementView.of(d) for d in decisions]))


async def _decide(call: Call[UseCases]) -> Answer:
    pair = (call.id("first_user_id"), call.id("second_user_id"))
    (decision,) = await call.app.check_entitlement([pair])
    return Answer(200, EntitlementView.of(decision))
