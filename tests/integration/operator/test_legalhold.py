"""What becomes of a LegalHold, with the real API server, operator, chat and its conversations."""

import secrets
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from factories.kube_api import KubeApi, condition, legal_hold
from factories.people import Circle, gather_circle, open_conversation
from factories.polling import until_true
from parlor_dev.client import Api
from parlor_dev.stack import Stack

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("running_operator")]

KIND = "LegalHold"


@pytest.fixture(scope="module")
async def circle(platform: Stack, api: Api) -> Circle:
    return await gather_circle(platform, api, customers=3)


def new_name() -> str:
    return f"case-{secrets.token_hex(4)}"


async def talk(circle: Circle, messages: int = 2) -> str:
    """A conversation of the distributor with the first customer."""
    one, other = circle.distributor, circle.customers[0]
    conversation = await open_conversation(one, other)
    for number in range(messages):
        await one.api.post(
            f"/api/v1/conversations/{conversation}/messages",
            {"body": f"Hello {number}", "client_message_id": str(uuid4())},
        )
    return conversation


async def holds(circle: Circle, conversation: str) -> list[dict[str, Any]]:
    """The holds that a moderator sees on a conversation."""
    seen = await circle.admin.api.get(
        f"/api/v1/admin/moderation/conversations/{conversation}?reason=a+court+asks"
    )
    return list(seen["holds"])


async def in_chat(stack: Stack, statement: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(stack.database_url("chat", owner=True))
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()


async def test_named_conversations_are_held_and_counted(
    kube: KubeApi, namespace: str, circle: Circle
) -> None:
    conversation, name = await talk(circle), new_name()
    await kube.create(namespace, legal_hold(name, conversationIds=[conversation]))
    ready = await kube.until(KIND, namespace, name, status="True", reason="Held")
    assert condition(ready, "HoldPlaced")["status"] == "True"
    status = ready["status"]
    assert status["heldConversations"] == 1
    assert status["heldMessages"] >= 2
    [hold] = [each for each in await holds(circle, conversation) if each["matter"] == name]
    assert hold["id"] == status["holdId"]
    assert hold["placed_by"] == "operator"
    await kube.told(namespace, name, "Normal Held")


async def test_a_custodians_conversation_of_a_second_later_is_held(
    kube: KubeApi, namespace: str, circle: Circle
) -> None:
    name, custodian = new_name(), circle.customers[1]
    await kube.create(namespace, legal_hold(name, custodianIds=[custodian.id]))
    ready = await kube.until(KIND, namespace, name, status="True", reason="Held")
    before = ready["status"]["heldConversations"]
    later = await open_conversation(circle.customers[2], custodian)
    assert [each["matter"] for each in await holds(circle, later)] == [name]

    async def counted() -> bool:
        found = await kube.get(KIND, namespace, name)
        return bool(found["status"]["heldConversations"] == before + 1)

    await until_true(counted, seconds=20)


async def test_what_chat_does_not_have_is_named(
    kube: KubeApi, namespace: str, circle: Circle
) -> None:
    conversation, missing, name = await talk(circle), str(uuid4()), new_name()
    await kube.create(namespace, legal_hold(name, conversationIds=[conversation, missing]))
    found = await kube.until(KIND, namespace, name, status="False", reason="PartiallyPlaced")
    assert missing in condition(found, "Ready")["message"]
    assert found["status"]["missingConversationIds"] == [missing]
    assert found["status"]["heldConversations"] == 1
    assert condition(found, "HoldPlaced")["status"] == "True"
    assert len(await holds(circle, conversation)) >= 1


async def test_a_hold_grows(kube: KubeApi, namespace: str, circle: Circle) -> None:
    conversation, name = await talk(circle), new_name()
    await kube.create(namespace, legal_hold(name, conversationIds=[conversation]))
    first = await kube.until(KIND, namespace, name, status="True")
    other = await open_conversation(circle.customers[0], circle.customers[2])
    await kube.change(KIND, namespace, name, conversationIds=[conversation, other])
    grown = await kube.until(KIND, namespace, name, status="True")
    assert grown["status"]["heldConversations"] == 2
    assert grown["status"]["holdId"] == first["status"]["holdId"]
    assert name in [each["matter"] for each in await holds(circle, other)]


async def test_release_ends_it_and_leaves_others_alone(
    kube: KubeApi, namespace: str, circle: Circle
) -> None:
    conversation, one, other = await talk(circle), new_name(), new_name()
    for name in (one, other):
        await kube.create(namespace, legal_hold(name, conversationIds=[conversation]))
        await kube.until(KIND, namespace, name, status="True")
    await kube.change(KIND, namespace, one, state="Released")
    released = await kube.until(KIND, namespace, one, status="True", reason="Released")
    assert condition(released, "HoldPlaced")["status"] == "False"
    assert released["status"]["heldMessages"] == 0
    standing = {each["matter"]: each["released_at"] for each in await holds(circle, conversation)}
    assert standing[one] is not None
    assert standing[other] is None


async def test_a_release_out_of_band_is_repaired_and_told(
    kube: KubeApi, namespace: str, circle: Circle, platform: Stack
) -> None:
    conversation, name = await talk(circle), new_name()
    await kube.create(namespace, legal_hold(name, conversationIds=[conversation]))
    first = await kube.until(KIND, namespace, name, status="True")
    await in_chat(
        platform,
        "UPDATE holds SET released_at = now(), released_by = 'somebody' WHERE id = $1",
        first["status"]["holdId"],
    )

    async def again() -> bool:
        found = await kube.get(KIND, namespace, name)
        return bool(found["status"]["holdId"] != first["status"]["holdId"])

    await until_true(again, seconds=20)
    mine = [each for each in await holds(circle, conversation) if each["matter"] == name]
    assert [each["released_by"] for each in mine] == ["somebody", None]
    told = await kube.told(namespace, name, "Normal Held", "Warning DriftRepaired")
    assert "released by somebody" in told[1][2]
    await kube.change(KIND, namespace, name, state="Released")
    await kube.until(KIND, namespace, name, status="True", reason="Released")
    assert all(
        each["released_at"] for each in await holds(circle, conversation) if each["matter"] == name
    )


async def test_a_hold_that_chat_lost_is_placed_again_and_told(
    kube: KubeApi, namespace: str, circle: Circle, platform: Stack
) -> None:
    conversation, name = await talk(circle), new_name()
    await kube.create(namespace, legal_hold(name, conversationIds=[conversation]))
    first = (await kube.until(KIND, namespace, name, status="True"))["status"]["holdId"]
    for table, column in (("hold_conversations", "hold_id"), ("holds", "id")):
        await in_chat(platform, f"DELETE FROM {table} WHERE {column} = $1", first)

    async def told() -> bool:
        return "HoldLost" in [reason for _, reason, _ in await kube.events(namespace, name)]

    await until_true(told, seconds=20)
    assert name in [each["matter"] for each in await holds(circle, conversation)]


async def test_deleting_an_active_hold_orphans_it_and_an_admin_may_then_release_it(
    kube: KubeApi, namespace: str, circle: Circle
) -> None:
    conversation, name = await talk(circle), new_name()
    await kube.create(namespace, legal_hold(name, conversationIds=[conversation]))
    await kube.until(KIND, namespace, name, status="True")
    await kube.delete(KIND, namespace, name)
    await kube.until_gone(KIND, namespace, name)
    [hold] = [each for each in await holds(circle, conversation) if each["matter"] == name]
    assert hold["released_at"] is None
    assert hold["orphaned_at"] is not None
    await circle.admin.api.delete(
        f"/api/v1/admin/moderation/conversations/{conversation}/legal-hold?matter={name}"
    )
    [hold] = [each for each in await holds(circle, conversation) if each["matter"] == name]
    assert hold["released_at"] is not None


async def test_the_largest_hold_goes_through_annotations_sidecar_and_chat(
    kube: KubeApi, namespace: str, circle: Circle
) -> None:
    ids, name = [str(uuid4()) for _ in range(1500)], new_name()
    resource = legal_hold(name, conversationIds=ids[:1000], custodianIds=ids[1000:])
    resource["spec"]["reason"] = "ß" * 500
    await kube.create(namespace, resource)
    found = await kube.until(KIND, namespace, name, status="False", reason="PartiallyPlaced")
    assert len(found["status"]["missingConversationIds"]) == 1000
    assert "and 990 more" in condition(found, "Ready")["message"]
