"""Retention policies: set, listed and taken away by admins."""

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.routing import Call

from parlor_chat.api.expiry_schemas import RetentionPolicyPage, RetentionPolicyView
from parlor_chat.api.recorded import recorded
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices


async def set_retention_policy(call: Call[ChatServices]) -> Answer:
    """Set how long messages are kept; the policy of the same scope is replaced."""
    actor, order = Actor.user(call.user), call.body.order

    async def work(transaction: Transaction) -> Answer:
        policy, fresh = await call.app.retention_policies.set(transaction, actor, order)
        view = RetentionPolicyView.of(policy)
        return Answer(201 if fresh else 200, view, object_id=policy.id)

    return await call.app.idempotency.once(call.idempotency_key, work)


@recorded("retention_policy.listed")
async def list_retention_policies(call: Call[ChatServices]) -> Answer:
    """List the retention policies."""
    policies, more = await call.app.retention_policies.page(call.query.limit, call.query.cursor)
    items = [RetentionPolicyView.of(policy) for policy in policies]
    return Answer(200, RetentionPolicyPage(items=items, next_cursor=more))


async def delete_retention_policy(call: Call[ChatServices]) -> Answer:
    """Take a policy away; the broader ones, or the settings, decide from now on."""
    policy = await call.app.retention_policies.delete(
        Actor.user(call.user), call.id("policy_id"), call.query.reason
    )
    return Answer(200, RetentionPolicyView.of(policy))
