"""Credentials that a hostile caller makes up, takes from elsewhere, or puts in another place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from factories.polling import until
from factories.sidecars import RunningSidecar
from factories.signing import (
    SigningKey,
    rsa_key,
    service_claims,
    signed_with_public_key,
    unsigned,
)

Forge = Callable[[RunningSidecar], str]


def changed(**changes: Any) -> Forge:
    return lambda sidecar: sidecar.token(**changes)


def claims() -> dict[str, Any]:
    return service_claims("chat", "identity")


CREDENTIALS: dict[str, tuple[Forge, str]] = {
    "alg none": (lambda s: unsigned(claims(), s.key.kid), "algorithm"),
    "alg none, odd case": (lambda s: unsigned(claims(), s.key.kid, "nOnE"), "algorithm"),
    "HS256 with the public key": (lambda s: signed_with_public_key(claims(), s.key), "algorithm"),
    "an algorithm of user tokens": (lambda s: unsigned(claims(), s.key.kid, "EdDSA"), "algorithm"),
    "another key type": (lambda s: unsigned(claims(), s.key.kid, "RS256"), "algorithm"),
    "signature removed": (lambda s: s.token().rpartition(".")[0] + ".", "signature"),
    "signed by a stranger": (lambda s: SigningKey("one").sign(claims()), "signature"),
    "unknown key": (lambda s: SigningKey("two").sign(claims()), "unknown_key"),
    "unknown RSA key": (lambda s: rsa_key("three").sign(claims()), "unknown_key"),
    "no key named": (
        lambda s: jwt.encode(claims(), s.key.private, algorithm="ES256"),
        "unknown_key",
    ),
    "key named by address": (
        lambda s: SigningKey("x").sign(claims(), jku="http://evil.test/jwks"),
        "unknown_key",
    ),
    "key brought along": (
        lambda s: SigningKey("one").sign(claims(), jwk=SigningKey("one").jwk),
        "signature",
    ),
    "wrong issuer": (changed(iss="https://evil.test"), "issuer"),
    "no issuer": (changed(iss=None), "claims"),
    "another service's audience": (changed(aud=["chat.internal"]), "audience"),
    "a longer audience": (changed(aud=["identity.internal.evil"]), "audience"),
    "no audience": (changed(aud=None), "claims"),
    "expired": (lambda s: s.token(exp=int(time.time()) - 120), "expired"),
    "no expiry": (changed(exp=None), "claims"),
    "not yet valid": (lambda s: s.token(nbf=int(time.time()) + 600), "not_yet_valid"),
    "no subject": (changed(sub=None), "claims"),
    "subject not text": (changed(sub=["system:serviceaccount:parlor:chat"]), "claims"),
    "no token at all": (lambda s: "", "missing"),
    "garbage": (lambda s: "garbage", "malformed"),
    "far too long": (lambda s: "e" * 9000, "too_long"),
    "two tokens": (lambda s: f"{s.token()} {s.token()}", "malformed"),
}


@pytest.mark.parametrize(("forge", "reason"), CREDENTIALS.values(), ids=CREDENTIALS.keys())
async def test_a_forged_credential_is_401_and_reaches_no_handler(
    sidecar: RunningSidecar, forge: Forge, reason: str
) -> None:
    token = forge(sidecar)
    answer = await sidecar.ask(
        "GET /internal/v1/users/7 HTTP/1.1\r\nHost: a\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert reason not in answer.body.decode(), "which check failed is not the caller's business"
    await until(lambda: len(sidecar.decisions()) == 1)
    assert sidecar.decisions()[0]["reason"] == reason
    assert sidecar.app.reached == []


@pytest.mark.parametrize(
    "line",
    [
        "X-Nothing: 1",
        "Authorization: Basic YTpi",
        "Authorization: {token}",
        "Authorization: Bearer",
        "Authorization: Bearer\t{token}",
        "Authorization:",
        "Cookie: token={token}",
        "User-Authorization: Bearer {token}",
        "Proxy-Authorization: Bearer {token}",
    ],
)
async def test_a_credential_anywhere_else_does_not_count(
    sidecar: RunningSidecar, line: str
) -> None:
    head = f"GET /internal/v1/users/7 HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n"
    answer = await sidecar.ask(head.replace("{token}", sidecar.token()).encode())
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert sidecar.app.reached == []


@pytest.mark.parametrize(
    ("method", "target", "caller", "reason"),
    [
        ("GET", "/internal/v1/users/7", "game", "caller"),
        ("GET", "/internal/v1/users/7", "default", "caller"),
        ("HEAD", "/internal/v1/users/7", "customer", "caller"),
        ("DELETE", "/internal/v1/users/7", "chat", "no_rule"),
        ("OPTIONS", "/internal/v1/users/7", "chat", "no_rule"),
        ("PUT", "/internal/v1/distributors/1", "chat", "caller"),
        ("GET", "/internal/v1/users", "chat", "no_rule"),
        ("GET", "/internal/v1/users/7/secrets", "chat", "no_rule"),
        ("GET", "/Internal/v1/users/7", "chat", "no_rule"),
        ("GET", "/internal/v1/userss/7", "chat", "no_rule"),
        ("GET", "/prefix/internal/v1/users/7", "chat", "no_rule"),
        ("GET", "/livez", "chat", "no_rule"),
        ("GET", "/internal/v1/users%21/7", "chat", "no_rule"),
    ],
)
async def test_what_the_policy_does_not_list_is_403(
    sidecar: RunningSidecar, method: str, target: str, caller: str, reason: str
) -> None:
    data = sidecar.request(target, method, token=sidecar.token(caller))
    client = await sidecar.connect()
    client.send(data)
    answer = await client.answer(head_only=method == "HEAD")
    assert answer.status == 403
    await until(lambda: len(sidecar.decisions()) == 1)
    assert sidecar.decisions()[0]["reason"] == reason
    assert sidecar.app.reached == []


@pytest.mark.parametrize(
    "subject",
    [
        "chat",
        "system:serviceaccount:other:chat",
        "system:serviceaccount:parlor:chat:x",
        "system:serviceaccount:parlor:chat\r\nX-Evil: 1",
        "System:serviceaccount:parlor:chat",
        "user-7",
    ],
)
async def test_a_subject_that_is_not_exactly_the_callers_is_403(
    sidecar: RunningSidecar, subject: str
) -> None:
    answer = await sidecar.ask(sidecar.request(token=sidecar.token(sub=subject)))
    assert (answer.status, answer.code) == (403, "forbidden")
    assert sidecar.app.reached == []


async def test_a_flood_of_unknown_keys_costs_one_fetch_a_window(sidecar: RunningSidecar) -> None:
    asked = sidecar.issuer.asked
    started = time.monotonic()
    for number in range(60):
        token = SigningKey(f"unknown-{number}", private=sidecar.key.private).sign(claims())
        answer = await sidecar.ask(sidecar.request(token=token))
        assert answer.status == 401
    windows = 1 + int((time.monotonic() - started) / 0.2)
    assert 1 <= sidecar.issuer.asked - asked <= windows + 1
    assert sidecar.app.reached == []


async def test_no_token_is_ever_written_to_the_log(sidecar: RunningSidecar) -> None:
    good, bad = sidecar.token(), sidecar.token(aud=["other"])
    await sidecar.ask(sidecar.request(token=good))
    await sidecar.ask(sidecar.request(token=bad))
    await until(lambda: len(sidecar.decisions()) == 2)
    text = str(sidecar.lines)
    for token in (good, bad):
        assert token not in text
        assert token.rpartition(".")[2] not in text
