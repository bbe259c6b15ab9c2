"""Refresh tokens: used once, given again to who lost the answer, fatal to who stole one."""

import asyncio
from typing import Any

import pytest
from factories.identity_replicas import (
    Identity,
    Replica,
    log_in,
    refresh,
    signed_in,
    signed_in_user,
)
from factories.running_api import Client, Reply
from parlor_identity.refresh_tokens import RefreshTokens

pytestmark = pytest.mark.functional


async def logout(client: Client, token: str) -> Reply:
    return await client.call("POST", "/api/v1/auth/logout", json={"refresh_token": token})


async def past_the_grace(identity: Identity, token: str) -> None:
    """As if the token had been used a minute earlier."""
    await identity.rows(
        "UPDATE refresh_tokens SET used_at = used_at - interval '1 minute' WHERE hash = $1",
        RefreshTokens.hash(token),
    )


def refused(reply: Reply, code: str) -> bool:
    return (reply.status, reply.code) == (401, code)


async def me(client: Client, tokens: dict[str, Any]) -> int:
    headers = signed_in(tokens["access_token"])
    return (await client.call("GET", "/api/v1/users/me", headers=headers)).status


async def test_an_unknown_token_is_refused(replica: Replica) -> None:
    assert refused(await refresh(replica.public, "never-issued"), "unauthenticated")


async def test_a_refresh_gives_another_pair(replica: Replica) -> None:
    _, _, first = await signed_in_user(replica.public)
    second = await refresh(replica.public, first.body["refresh_token"])
    assert second.status == 200
    assert second.headers["cache-control"] == "no-store"
    assert second.body.keys() == first.body.keys()
    assert second.body["refresh_token"] != first.body["refresh_token"]
    assert await me(replica.public, second.body) == 200
    third = await refresh(replica.public, second.body["refresh_token"])
    assert third.status == 200


async def test_who_lost_the_answer_gets_the_same_successor(replica: Replica) -> None:
    _, _, first = await signed_in_user(replica.public)
    token = first.body["refresh_token"]
    lost, again = await refresh(replica.public, token), await refresh(replica.public, token)
    assert again.body["refresh_token"] == lost.body["refresh_token"]
    assert await me(replica.public, again.body) == 200
    assert (await refresh(replica.public, again.body["refresh_token"])).status == 200


async def test_twenty_refreshes_at_once_are_one_chain(identity: Identity, replica: Replica) -> None:
    _, _, first = await signed_in_user(replica.public)
    token = first.body["refresh_token"]
    async with identity.replica() as other:
        replies = await asyncio.gather(
            *(refresh((replica, other)[n % 2].public, token) for n in range(20))
        )
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["refresh_token"] for reply in replies}) == 1
    alive = await identity.rows(
        "SELECT hash FROM refresh_tokens WHERE used_at IS NULL AND session_id = "
        "(SELECT session_id FROM refresh_tokens WHERE hash = $1)",
        RefreshTokens.hash(token),
    )
    assert [row["hash"] for row in alive] == [RefreshTokens.hash(replies[0].body["refresh_token"])]
    assert (await refresh(replica.public, replies[7].body["refresh_token"])).status == 200


async def test_reuse_after_the_grace_ends_the_whole_family(
    identity: Identity, replica: Replica
) -> None:
    email, password, first = await signed_in_user(replica.public)
    elsewhere = await log_in(replica.public, email, password)
    stolen = first.body["refresh_token"]
    second = await refresh(replica.public, stolen)
    third = await refresh(replica.public, second.body["refresh_token"])
    await past_the_grace(identity, stolen)
    assert refused(await refresh(replica.public, stolen), "token_reused")
    assert refused(await refresh(replica.public, third.body["refresh_token"]), "token_reused")
    assert refused(await refresh(replica.public, stolen), "token_reused")
    assert await me(replica.public, third.body) == 401
    assert (await refresh(replica.public, elsewhere.body["refresh_token"])).status == 200


async def test_logging_out_ends_the_family_and_may_be_repeated(replica: Replica) -> None:
    _, _, first = await signed_in_user(replica.public)
    second = await refresh(replica.public, first.body["refresh_token"])
    assert (await logout(replica.public, first.body["refresh_token"])).status == 204
    assert (await logout(replica.public, first.body["refresh_token"])).status == 204
    assert refused(await refresh(replica.public, second.body["refresh_token"]), "unauthenticated")
    assert refused(await refresh(replica.public, first.body["refresh_token"]), "unauthenticated")
    assert (await logout(replica.public, "never-issued")).status == 204


async def test_a_session_ends_when_it_is_not_refreshed(
    identity: Identity, replica: Replica
) -> None:
    _, _, first = await signed_in_user(replica.public)
    token = first.body["refresh_token"]
    await identity.rows(
        "UPDATE sessions SET expires_at = now() WHERE id = "
        "(SELECT session_id FROM refresh_tokens WHERE hash = $1)",
        RefreshTokens.hash(token),
    )
    assert refused(await refresh(replica.public, token), "unauthenticated")


async def test_a_refresh_prolongs_the_session_up_to_its_whole_age(identity: Identity) -> None:
    changes = {"IDENTITY_REFRESH_TTL": "P2D", "IDENTITY_SESSION_TTL": "P3D"}
    async with identity.replica(**changes) as replica:
        _, _, first = await signed_in_user(replica.public)
        assert first.body["refresh_expires_in"] == 2 * 86400
        await identity.rows(
            "UPDATE sessions SET created_at = created_at - interval '2 days' WHERE id = "
            "(SELECT session_id FROM refresh_tokens WHERE hash = $1)",
            RefreshTokens.hash(first.body["refresh_token"]),
        )
        second = await refresh(replica.public, first.body["refresh_token"])
        assert abs(second.body["refresh_expires_in"] - 86400) <= 30
