"""The local issuer: what it signs can be verified as a sidecar does, and its files stay fresh."""

import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from factories.polling import until
from parlor_dev.issuer import CALLEES, Issuer, new_key
from parlor_dev.ports import PortReservations

pytestmark = pytest.mark.integration


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[Issuer]:
    reservations = PortReservations()
    made = Issuer(new_key(), reservations.take(), tmp_path, lifetime=2.5)
    await made.start()
    yield made
    await made.stop()
    reservations.close()


async def get(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
        document: dict[str, Any] = await response.json()
        return document


async def verified(issuer: Issuer, credential: str, audience: str) -> dict[str, Any]:
    """Check it with nothing but what the issuer publishes."""
    configuration = await get(f"{issuer.url}/.well-known/openid-configuration")
    keys = jwt.PyJWKSet.from_dict(await get(configuration["jwks_uri"]))
    key = keys[jwt.get_unverified_header(credential)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        credential,
        key,
        algorithms=configuration["id_token_signing_alg_values_supported"],
        audience=audience,
        issuer=configuration["issuer"],
        options={"require": ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"]},
    )
    return claims


async def test_a_credential_says_who_calls_whom_as_in_a_cluster(issuer: Issuer) -> None:
    claims = await verified(issuer, issuer.credential("game", "customer"), "customer.internal")
    assert claims["aud"] == ["customer.internal"]
    assert claims["sub"] == "system:serviceaccount:parlor:game"
    assert claims["kubernetes.io"]["namespace"] == "parlor"
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == "game"
    assert claims["kubernetes.io"]["pod"]["name"] == "game-dev"


async def test_a_credential_for_one_service_is_none_for_another(issuer: Issuer) -> None:
    with pytest.raises(jwt.InvalidAudienceError):
        await verified(issuer, issuer.credential("game", "customer"), "identity.internal")


async def test_the_keys_hold_no_private_part(issuer: Issuer) -> None:
    text = json.dumps(await get(issuer.jwks_url))
    assert '"d"' not in text


async def test_each_caller_finds_one_private_file_for_each_callee(issuer: Issuer) -> None:
    for caller, callees in CALLEES.items():
        files = sorted(issuer.folder_of(caller).iterdir())
        assert [file.name for file in files] == sorted(callees)
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            claims = await verified(issuer, file.read_text(), f"{file.name}.internal")
            assert claims["sub"].endswith(f":{caller}")


async def test_files_are_renewed_before_they_expire(issuer: Issuer) -> None:
    file = issuer.folder_of("operator") / "chat"
    first = file.read_text()
    await until(lambda: file.read_text() != first, seconds=10)
    claims = await verified(issuer, file.read_text(), "chat.internal")
    earlier = jwt.decode(first, options={"verify_signature": False})
    assert claims["exp"] > earlier["exp"]


async def test_the_same_key_has_the_same_name_at_the_next_start(tmp_path: Path) -> None:
    pem = new_key()
    names = {
        jwt.get_unverified_header(Issuer(pem, port, tmp_path).credential("chat", "identity"))["kid"]
        for port in (1, 2)
    }
    assert len(names) == 1
