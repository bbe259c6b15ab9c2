"""Redeeming an invite: once for each use and each customer, whatever races."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import orjson
import pytest
from factories.identity_stand_in import IdentityStandIn
from factories.running_api import Reply, RunningApi

pytestmark = pytest.mark.integration

Redeem = Callable[..., Awaitable[Reply]]
MakeInvite = Callable[..., Awaitable[dict[str, str]]]


async def uses(rows: asyncpg.Connection, invite: dict[str, str]) -> int:
    count = await rows.fetchval("SELECT uses FROM invites WHERE id = $1", UUID(invite["id"]))
    assert isinstance(count, int)
    return count


@pytest.mark.parametrize("role", ["distributor", "moderator", "admin"])
async def test_only_customers_redeem(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, role: str
) -> None:
    invite = await make_invite(identity.user("distributor"))
    assert (await redeem(identity.user(role), invite["token"])).code == "forbidden"


async def test_nobody_redeems_without_a_token_of_their_own(customer: RunningApi) -> None:
    answer = await customer.public.call("POST", "/api/v1/invites/inv_x/redeem")
    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_a_token_of_nobody_is_not_found(identity: IdentityStandIn, redeem: Redeem) -> None:
    for token in ("inv_unknown", "x" * 2000, "%00", "..%2f", "inv_%F0%9F%83%8F"):
        answer = await redeem(identity.user("customer"), token)
        assert (answer.status, answer.code) == (404, "invite_not_found"), token


async def test_a_redemption_begins_a_relationship_and_tells_of_it(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    distributor, customer = identity.user("distributor"), identity.user("customer")
    invite = await make_invite(distributor)
    answer = await redeem(customer, invite["token"])
    assert answer.status == 201
    relationship = answer.body["relationship"]
    assert relationship["distributor_id"] == str(distributor.id)
    assert relationship["customer_id"] == str(customer.id)
    assert relationship["status"] == "active"
    assert relationship["since"].endswith("Z")
    event = await rows.fetchrow("SELECT * FROM outbox WHERE key = $1", str(customer.id))
    assert event["topic"] == "customer.events"
    assert event["type"] == "relationship.started"
    assert event["request_id"] == answer.headers["x-request-id"]
    assert orjson.loads(event["data"]) == {
        "relationship_id": relationship["id"],
        "distributor_id": str(distributor.id),
        "customer_id": str(customer.id),
        "at": relationship["since"],
    }


async def test_the_same_customer_gets_the_same_relationship_and_spends_one_use(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    customer = identity.user("customer")
    invite = await make_invite(identity.user("distributor"), max_uses=3)
    first = await redeem(customer, invite["token"])
    again = [await redeem(customer, invite["token"]) for _ in range(2)]
    assert [answer.status for answer in (first, *again)] == [201, 200, 200]
    assert all(answer.body == first.body for answer in again)
    assert await uses(rows, invite) == 1
    events = await rows.fetchval("SELECT count(*) FROM outbox WHERE key = $1", str(customer.id))
    assert events == 1


async def test_one_of_twenty_wins_the_last_use(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    invite = await make_invite(identity.user("distributor"))
    crowd = [identity.user("customer") for _ in range(20)]
    answers = await asyncio.gather(*(redeem(one, invite["token"]) for one in crowd))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 19
    assert {answer.code for answer in answers} == {None, "invite_exhausted"}
    assert await uses(rows, invite) == 1
    begun = await rows.fetchval(
        "SELECT count(*) FROM relationships WHERE invite_id = $1", UUID(invite["id"])
    )
    assert begun == 1


async def test_twenty_requests_of_one_customer_spend_one_use(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    customer = identity.user("customer")
    invite = await make_invite(identity.user("distributor"), max_uses=20)
    answers = await asyncio.gather(*(redeem(customer, invite["token"]) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.body["relationship"]["id"] for answer in answers}) == 1
    assert await uses(rows, invite) == 1


async def test_two_invites_of_one_distributor_race_for_one_relationship(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    distributor, customer = identity.user("distributor"), identity.user("customer")
    invites = [await make_invite(distributor) for _ in range(8)]
    answers = await asyncio.gather(*(redeem(customer, one["token"]) for one in invites))
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert sum([await uses(rows, one) for one in invites]) == 1


async def test_who_is_a_customer_already_spends_no_use_of_another_invite(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    distributor, customer = identity.user("distributor"), identity.user("customer")
    first = await redeem(customer, (await make_invite(distributor))["token"])
    other = await make_invite(distributor)
    answer = await redeem(customer, other["token"])
    assert (answer.status, answer.body) == (200, first.body)
    assert await uses(rows, other) == 0


async def test_an_expired_invite_is_gone(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    invite = await make_invite(identity.user("distributor"))
    await rows.execute("UPDATE invites SET expires_at = now() WHERE id = $1", UUID(invite["id"]))
    answer = await redeem(identity.user("customer"), invite["token"])
    assert (answer.status, answer.code) == (410, "invite_expired")


async def test_an_invite_for_somebody_else_is_refused_and_not_spent(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    meant = identity.user("customer", email="Meant.For@Example.org")
    invite = await make_invite(identity.user("distributor"), email="meant.for@EXAMPLE.org")
    answer = await redeem(identity.user("customer"), invite["token"])
    assert (answer.status, answer.code) == (403, "invite_not_for_you")
    assert await uses(rows, invite) == 0
    assert (await redeem(meant, invite["token"])).status == 201


async def test_a_revoked_invite_is_gone_but_not_what_it_began(
    customer: RunningApi, identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem
) -> None:
    distributor, early = identity.user("distributor"), identity.user("customer")
    invite = await make_invite(distributor, max_uses=5)
    begun = await redeem(early, invite["token"])
    revoked = await customer.public.call(
        "DELETE", f"/api/v1/invites/{invite['id']}", headers=distributor.authorization
    )
    assert revoked.status == 204
    late = await redeem(identity.user("customer"), invite["token"])
    assert (late.status, late.code) == (410, "invite_revoked")
    again = await redeem(early, invite["token"])
    assert (again.status, again.body) == (200, begun.body)


async def test_a_disabled_distributor_gains_no_customers(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    distributor = identity.user("distributor")
    invite = await make_invite(distributor)
    distributor.status, distributor.version = "disabled", 2
    answer = await redeem(identity.user("customer"), invite["token"])
    assert (answer.status, answer.code) == (409, "distributor_disabled")
    assert await uses(rows, invite) == 0


async def test_a_disabled_customer_redeems_nothing(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem
) -> None:
    invite = await make_invite(identity.user("distributor"))
    disabled = identity.user("customer", status="disabled")
    assert (await redeem(disabled, invite["token"])).code == "account_disabled"


async def test_without_identity_nothing_is_spent_and_the_retry_succeeds(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    customer = identity.user("customer")
    invite = await make_invite(identity.user("distributor"))
    identity.away = True
    try:
        refused = await redeem(customer, invite["token"], key="one-key")
    finally:
        identity.away = False
    assert (refused.status, refused.code) == (503, "dependency_unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert await uses(rows, invite) == 0
    assert (await redeem(customer, invite["token"], key="one-key")).status == 201


async def test_what_was_redeemed_is_answered_again_without_identity(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem
) -> None:
    customer = identity.user("customer")
    invite = await make_invite(identity.user("distributor"))
    first = await redeem(customer, invite["token"], key="lost-answer")
    identity.away = True
    try:
        same_key = await redeem(customer, invite["token"], key="lost-answer")
        no_key = await redeem(customer, invite["token"])
    finally:
        identity.away = False
    assert (same_key.status, same_key.body) == (201, first.body)
    assert (no_key.status, no_key.body) == (200, first.body)


async def test_no_record_holds_the_token(
    identity: IdentityStandIn, make_invite: MakeInvite, redeem: Redeem, rows: asyncpg.Connection
) -> None:
    invite = await make_invite(identity.user("distributor"))
    await redeem(identity.user("customer"), invite["token"], key="leak?")
    for table in ("invites", "idempotency_records", "outbox", "relationships", "accounts"):
        text = await rows.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table} t")
        assert invite["token"] not in text
        assert invite["token"].encode().hex() not in text
