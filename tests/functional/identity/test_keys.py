"""Signing keys: published before they sign, rotated without a logout, withdrawn at once."""

import asyncio
import json

import jwt
import pytest
from factories import identity_replicas
from factories.identity_replicas import (
    ADMIN_EMAIL,
    Identity,
    Replica,
    admin_headers,
    refresh,
    signed_in,
    signed_in_user,
)
from factories.polling import until_true
from parlor_dev.backing import PostgresBacking
from parlor_kit.jwks import parse

pytestmark = pytest.mark.functional

JWKS = "/.well-known/jwks.json"


def signer(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def published(replica: Replica) -> set[str]:
    reply = await replica.public.call("GET", JWKS)
    return {key["kid"] for key in reply.body["keys"]}


async def me(replica: Replica, token: str) -> int:
    reply = await replica.public.call("GET", "/api/v1/users/me", headers=signed_in(token))
    return reply.status


async def test_keys_are_public_cacheable_and_usable(replica: Replica) -> None:
    reply = await replica.public.call("GET", JWKS)
    assert reply.status == 200
    assert reply.headers["cache-control"] == "public, max-age=300"
    assert parse(json.dumps(reply.body).encode())
    assert all("d" not in key for key in reply.body["keys"])
    etag = reply.headers["etag"]
    for tags in (etag, f'"other", W/{etag}'):
        unchanged = await replica.public.call("GET", JWKS, headers={"if-none-match": tags})
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert unchanged.headers["etag"] == etag
    changed = await replica.public.call("GET", JWKS, headers={"if-none-match": '"other"'})
    assert changed.status == 200


async def test_a_new_key_is_published_before_it_signs_and_logs_nobody_out(
    identity: Identity, replica: Replica
) -> None:
    _, _, tokens = await signed_in_user(replica.public)
    old = signer(tokens.body["access_token"])
    before = await published(replica)
    status, output = await identity.run("rotate-keys")
    assert status == 0
    new = output.splitlines()[-1]
    await until_true(lambda: _has(replica, new), 20)
    assert await published(replica) == before | {new}
    still = await refresh(replica.public, tokens.body["refresh_token"])
    assert signer(still.body["access_token"]) == old
    await identity.rows("UPDATE signing_keys SET signs_from = now() WHERE kid = $1", new)
    taken_over = still

    async def signs() -> bool:
        nonlocal taken_over
        taken_over = await refresh(replica.public, taken_over.body["refresh_token"])
        return signer(taken_over.body["access_token"]) == new

    await until_true(signs, 20, every=0.2)
    assert await me(replica, tokens.body["access_token"]) == 200
    assert await me(replica, taken_over.body["access_token"]) == 200


async def _has(replica: Replica, kid: str) -> bool:
    return kid in await published(replica)


async def test_withdrawn_keys_void_what_they_signed_but_end_no_session(
    identity: Identity, replica: Replica
) -> None:
    _, _, tokens = await signed_in_user(replica.public)
    assert await me(replica, tokens.body["access_token"]) == 200
    status, output = await identity.run("rotate-keys", "--retire")
    assert status == 0
    assert "within a minute" in output  # what other services still hold
    new = output.splitlines()[-1]

    async def alone() -> bool:
        return await published(replica) == {new}

    await until_true(alone, 20)
    assert await me(replica, tokens.body["access_token"]) == 401
    again = await refresh(replica.public, tokens.body["refresh_token"])
    assert signer(again.body["access_token"]) == new
    assert await me(replica, again.body["access_token"]) == 200


async def test_a_replica_verifies_with_a_key_that_it_has_not_seen_yet(identity: Identity) -> None:
    async with identity.replica() as one:
        assert (await identity.run("rotate-keys", "--retire"))[0] == 0
        async with identity.replica() as two:
            _, _, tokens = await signed_in_user(two.public)
            assert await me(one, tokens.body["access_token"]) == 200


async def test_other_words_on_the_command_line_change_nothing(identity: Identity) -> None:
    before = await identity.rows("SELECT kid FROM signing_keys ORDER BY kid")
    status, output = await identity.run("rotate-keys", "--revoke")
    assert status == 2
    assert "rotate-keys [--retire]" in output
    assert await identity.rows("SELECT kid FROM signing_keys ORDER BY kid") == before


async def test_replicas_that_start_together_make_one_key_and_one_admin(
    postgres_server: PostgresBacking, tmp_path_factory: pytest.TempPathFactory
) -> None:
    access = await postgres_server.database("identity")
    folder = tmp_path_factory.mktemp("together")
    async with identity_replicas.identity_database(access, folder) as identity:

        async def started() -> set[str]:
            async with identity.replica() as replica:
                return await published(replica)

        seen = await asyncio.gather(*(started() for _ in range(3)))
        assert len({frozenset(kids) for kids in seen}) == 1
        assert len(await identity.rows("SELECT kid FROM signing_keys")) == 1
        admins = await identity.rows("SELECT id, email, password_hash FROM accounts")
        assert [row["email"] for row in admins] == [ADMIN_EMAIL]
        told = await identity.rows("SELECT key FROM outbox WHERE type = 'account.registered'")
        assert [row["key"] for row in told] == [str(admins[0]["id"])]
        other = {
            "PARLOR_ADMIN_EMAIL": "second@example.com",
            "PARLOR_ADMIN_PASSWORD": "x7-Lq2-Vb9-Ty4",
        }
        async with identity.replica(**other) as replica:
            await admin_headers(replica.public)
        assert await identity.rows("SELECT id, email, password_hash FROM accounts") == admins
