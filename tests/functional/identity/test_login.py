"""Registration, login and the profile, through HTTP."""

import base64
import json

import pytest
from factories.identity_replicas import (
    Replica,
    log_in,
    new_email,
    new_password,
    register,
    signed_in,
    signed_in_user,
)

pytestmark = pytest.mark.functional


async def test_a_profile_needs_a_token(replica: Replica) -> None:
    reply = await replica.public.call("GET", "/api/v1/users/me")
    assert (reply.status, reply.code) == (401, "unauthenticated")


async def test_who_registers_can_log_in_and_see_their_profile(replica: Replica) -> None:
    email, password = new_email(), new_password()
    made = await register(replica.public, email.upper(), password)
    assert made.status == 201
    assert made.body == {
        "id": made.body["id"],
        "email": email,
        "display_name": "Somebody",
        "role": "customer",
        "status": "active",
        "created_at": made.body["created_at"],
    }
    tokens = await log_in(replica.public, email, password)
    assert tokens.status == 200
    assert tokens.body.keys() == {
        "access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in",
    }  # fmt: skip
    assert tokens.body["token_type"] == "Bearer"
    assert tokens.body["expires_in"] == 900
    assert tokens.body["refresh_expires_in"] == 30 * 24 * 3600
    assert tokens.headers["cache-control"] == "no-store"
    me = await replica.public.call(
        "GET", "/api/v1/users/me", headers=signed_in(tokens.body["access_token"])
    )
    assert me.body == made.body


async def test_an_access_token_carries_the_claims_of_the_contract(replica: Replica) -> None:
    _, _, tokens = await signed_in_user(replica.public)
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "=="))
        for part in tokens.body["access_token"].split(".")[:2]
    )
    keys = await replica.public.call("GET", "/.well-known/jwks.json")
    assert header["alg"] == "EdDSA"
    assert header["kid"] in {key["kid"] for key in keys.body["keys"]}
    assert claims.keys() == {"iss", "aud", "sub", "role", "iat", "exp", "jti", "sid"}
    assert claims["exp"] - claims["iat"] == 900
