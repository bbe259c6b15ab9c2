"""A token that the API server no longer knows is refused, and no answer is no access."""

import asyncio
import json
from typing import Any

import pytest
from factories.signing import ISSUER, SigningKey, key_set, service_claims
from parlor_kit.jwks import KeysUnavailable, StaticKeys, parse
from parlor_kit.tokens import TokenInvalid, Verifier
from parlor_sidecar.review import Reviewed

KEY = SigningKey("one")
SUBJECT = "system:serviceaccount:parlor:chat"
YES: dict[str, Any] = {
    "authenticated": True,
    "audiences": ["identity.internal"],
    "user": {"username": SUBJECT},
}


class FakeApiServer:
    def __init__(self) -> None:
        self.status: object = YES
        self.raw: bytes | None = None
        self.down = False
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, body: bytes) -> bytes:
        self.asked.append(json.loads(body))
        await asyncio.sleep(0)
        if self.down:
            raise OSError("refused")
        if self.raw is not None:
            return self.raw
        return json.dumps({"kind": "TokenReview", "status": self.status}).encode()


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


CLAIMS = service_claims("chat", "identity")


def subject(server: FakeApiServer, clock: Clock | None = None) -> Reviewed:
    clock = clock or Clock(CLAIMS["iat"])
    verifier = Verifier(
        StaticKeys(parse(key_set(KEY))),
        issuer=ISSUER,
        audience="identity.internal",
        clock=clock,
    )
    return Reviewed(verifier, server, audience="identity.internal", clock=clock)


async def test_an_answer_holds_for_a_minute() -> None:
    server, clock, token = FakeApiServer(), Clock(CLAIMS["iat"]), KEY.sign(CLAIMS)
    reviewed = subject(server, clock)
    assert reviewed.cached(token) is None
    claims = await reviewed.verify(token)
    assert claims.sub == SUBJECT
    assert server.asked[0]["spec"] == {"token": token, "audiences": ["identity.internal"]}
    clock.now += 59
    assert reviewed.cached(token) is claims
    assert await reviewed.verify(token) is claims
    clock.now += 1
    assert reviewed.cached(token) is None
    server.status = {"authenticated": False}
    with pytest.raises(TokenInvalid, match="revoked"):
        await reviewed.verify(token)
    assert len(server.asked) == 2


async def test_an_answer_never_holds_past_the_expiry() -> None:
    server, clock, token = FakeApiServer(), Clock(CLAIMS["exp"] - 10), KEY.sign(CLAIMS)
    reviewed = subject(server, clock)
    await reviewed.verify(token)
    assert reviewed.cached(token) is not None
    clock.now += 10
    assert reviewed.cached(token) is None


async def test_a_token_that_is_not_ours_is_never_shown() -> None:
    server = FakeApiServer()
    with pytest.raises(TokenInvalid, match="signature"):
        await subject(server).verify(SigningKey("one").sign(CLAIMS))
    assert server.asked == []


async def test_a_refusal_is_remembered_and_never_taken_for_a_yes() -> None:
    server, token = FakeApiServer(), KEY.sign(CLAIMS)
    server.status = {"authenticated": False}
    reviewed = subject(server)
    for _ in range(3):
        with pytest.raises(TokenInvalid, match="revoked"):
            await reviewed.verify(token)
        assert reviewed.cached(token) is None
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"authenticated": "true"},
        {"authenticated": None},
        {"audiences": None},
        {"audiences": []},
        {"audiences": ["chat.internal"]},
        {"audiences": "identity.internal"},
        {"user": None},
        {"user": {}},
        {"user": {"username": "system:serviceaccount:parlor:game"}},
        {"error": "token expired"},
    ],
    ids=str,
)
async def test_anything_less_than_a_full_yes_is_a_no(change: dict[str, Any]) -> None:
    server = FakeApiServer()
    server.status = YES | change
    with pytest.raises(TokenInvalid, match="revoked"):
        await subject(server).verify(KEY.sign(CLAIMS))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"status": 1}', b"\xff", b"[" * 9999])
async def test_an_answer_that_cannot_be_read_is_no_access_now(raw: bytes) -> None:
    server = FakeApiServer()
    server.raw = raw
    with pytest.raises(KeysUnavailable):
        await subject(server).verify(KEY.sign(CLAIMS))


async def test_no_answer_is_no_access_now_and_is_asked_for_again() -> None:
    server, token = FakeApiServer(), KEY.sign(CLAIMS)
    server.down = True
    reviewed = subject(server)
    with pytest.raises(KeysUnavailable):
        await reviewed.verify(token)
    server.down = False
    assert (await reviewed.verify(token)).sub == SUBJECT


async def test_requests_that_wait_for_one_token_ask_once() -> None:
    server, token = FakeApiServer(), KEY.sign(CLAIMS)
    reviewed = subject(server)
    await asyncio.gather(*(reviewed.verify(token) for _ in range(20)))
    assert len(server.asked) == 1
