"""When people may no longer chat: sockets close, sends are refused, and it can be undone."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest
from factories.chat_processes import ChatProcesses, Talker
from factories.polling import until_true
from parlor_dev.client import Closed, Refused
from parlor_kit.clock import now, rfc3339
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

PATH = "/api/v1/conversations"


async def _relationship(chat: ChatProcesses, type_: str, customer: Talker) -> None:
    await chat.tell(
        "customer.events",
        type_,
        customer.id,
        {
            "relationship_id": new_id(),
            "distributor_id": new_id(),
            "customer_id": customer.id,
            "at": rfc3339(now()),
        },
    )


async def _account(
    chat: ChatProcesses, person: Talker, status: str, version: int, role: str = "customer"
) -> None:
    await chat.tell(
        "identity.events",
        "account.disabled" if status == "disabled" else "account.enabled",
        person.id,
        {
            "account_id": person.id,
            "role": role,
            "status": status,
            "display_name": "Somebody",
            "email": "somebody@example.com",
            "version": version,
        },
    )


async def _becomes(one: Talker, conversation_id: str, status: str) -> None:
    async def is_so() -> bool:
        view = await one.api.get(f"{PATH}/{conversation_id}")
        return bool(view["status"] == status)

    await until_true(is_so, 20)


async def _send(one: Talker, conversation_id: str) -> str | None:
    """The code with which a message is refused, or None."""
    try:
        await one.api.post(f"{PATH}/{conversation_id}/messages", {"body": "still there?"})
    except Refused as refused:
        return f"{refused.status} {refused.code}"
    return None


async def test_an_ended_relationship_closes_sockets_on_every_replica_within_two_seconds(
    chat: ChatProcesses,
) -> None:
    ann, ben, cat = chat.talker(), chat.talker(), chat.talker()
    lost, kept = await chat.conversation(ann, ben), await chat.conversation(ann, cat)
    async with (
        ann.replicas[0].live(f"{PATH}/{lost}/ws") as hers,
        ben.replicas[1].live(f"{PATH}/{lost}/ws") as his,
        ann.replicas[1].live(f"{PATH}/{kept}/ws") as other,
    ):
        await hers.request("send", body="hello")
        chat.customer.part(ann.id, ben.id)
        began = time.monotonic()
        await _relationship(chat, "relationship.ended", ann)
        codes = set(await asyncio.gather(hers.closed(), his.closed()))
        assert codes == {4403}
        assert time.monotonic() - began < 2
        await other.request("send", body="the other conversation goes on")
    assert await _send(ann, lost) == await _send(ben, lost) == "403 not_entitled"
    with pytest.raises(Closed) as closed:
        async with ben.api.live(f"{PATH}/{lost}/ws"):
            pass
    assert closed.value.code == 4403
    with pytest.raises(Refused) as refused:
        await ben.api.post(f"{PATH}/{lost}/ws-ticket")
    assert refused.value.code == "not_entitled"
    assert [m["body"] for m in (await ben.api.get(f"{PATH}/{lost}/messages"))["items"]] == ["hello"]

    chat.customer.strangers.clear()
    await _relationship(chat, "relationship.started", ann)
    await _becomes(ben, lost, "open")
    assert await _send(ben, lost) is None


async def test_a_send_under_way_is_either_stored_or_refused(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    chat.customer.part(ann.id, ben.id)

    async def keep_sending() -> int:
        sent = 0
        while await _send(ben, conversation_id) is None:
            sent += 1
        return sent

    counting = [asyncio.create_task(keep_sending()) for _ in range(4)]
    await _relationship(chat, "relationship.ended", ann)
    sent = sum(await asyncio.gather(*counting))
    stored = await rows.fetchval(
        "SELECT count(*) FROM messages WHERE conversation_id = $1", conversation_id
    )
    assert stored == sent


async def test_a_disabled_account_is_shut_out_until_it_is_enabled(chat: ChatProcesses) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    async with ben.replicas[1].live(f"{PATH}/{conversation_id}/ws") as his:
        await _account(chat, ben, "disabled", 3)
        assert await his.closed(5) == 4403
    await _becomes(ann, conversation_id, "closed")
    assert await _send(ann, conversation_id) == "403 not_entitled"
    with pytest.raises(Refused) as refused:
        await chat.conversation(chat.talker(), ben)
    assert refused.value.code == "not_entitled"
    await _account(chat, ben, "active", 4)
    await _becomes(ann, conversation_id, "open")
    await _account(chat, ben, "disabled", 3)  # old news, delivered again
    await _account(chat, chat.talker(), "disabled", 2)
    assert await _send(ann, conversation_id) is None


async def test_it_closes_while_customer_is_away_and_opens_when_customer_is_slow(
    chat: ChatProcesses,
) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    chat.customer.away = True
    try:
        await _account(chat, ben, "disabled", 3)
        await _becomes(ann, conversation_id, "closed")
    finally:
        chat.customer.away = False
    chat.customer.part(ann.id, ben.id)  # customer has not heard of it yet
    asked = len(chat.customer.asked)
    await _account(chat, ben, "active", 4)

    async def was_asked() -> bool:
        return len(chat.customer.asked) > asked

    await until_true(was_asked)
    assert (await ann.api.get(f"{PATH}/{conversation_id}"))["status"] == "closed"
    chat.customer.strangers.clear()
    await _becomes(ann, conversation_id, "open")


async def test_a_disabled_distributor_closes_what_rests_on_them(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben, distributor = chat.talker(), chat.talker(), chat.talker("distributor")
    conversation_id = await chat.conversation(ann, ben)
    await rows.execute(
        "INSERT INTO grounds (conversation_id, distributor_id) VALUES ($1, $2)",
        conversation_id,
        distributor.id,
    )
    chat.customer.part(ann.id, ben.id)
    await _account(chat, distributor, "disabled", 2, "distributor")
    await _becomes(ann, conversation_id, "closed")
    chat.customer.strangers.clear()
    await _account(chat, distributor, "active", 3, "distributor")
    await _becomes(ann, conversation_id, "open")


async def test_asking_for_the_conversation_again_opens_it(chat: ChatProcesses) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    chat.customer.part(ann.id, ben.id)
    await _relationship(chat, "relationship.ended", ben)
    await _becomes(ann, conversation_id, "closed")
    chat.customer.strangers.clear()
    assert await chat.conversation(ben, ann) == conversation_id
    assert await _send(ann, conversation_id) is None
