"""A token is believed for what it says only when everything about it is right."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from factories.signing import (
    ISSUER,
    SigningKey,
    ed25519_key,
    key_set,
    rsa_key,
    segment,
    service_claims,
    signed_with_public_key,
    unsigned,
)
from parlor_kit.jwks import KeysUnavailable, StaticKeys, UnknownKey, parse
from parlor_kit.tokens import MAX_TOKEN_LENGTH, Claims, TokenInvalid, TokenMissing, Verifier

KEY = SigningKey("ec")
ED = ed25519_key("ed")
RSA = rsa_key("rsa")
CLAIMS = service_claims("chat", "identity")


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class NoKeys:
    loaded = False
    generation = 0

    async def key(self, kid: str) -> jwt.PyJWK:
        raise KeysUnavailable(kid)


def verifier(keys: StaticKeys | None = None, **settings: Any) -> Verifier:
    return Verifier(
        keys or StaticKeys(parse(key_set(KEY, ED, RSA))),
        issuer=ISSUER,
        audience="identity.internal",
        **settings,
    )


def changed(**changes: Any) -> str:
    return KEY.sign(service_claims("chat", "identity", **changes))


@pytest.mark.parametrize("key", [KEY, ED, RSA], ids=lambda key: key.algorithm)
async def test_a_right_token_says_who_speaks(key: SigningKey) -> None:
    claims = await verifier().verify(key.sign(CLAIMS))
    assert claims.sub == "system:serviceaccount:parlor:chat"
    assert claims["jti"] == "jti-chat"
    assert dict(claims) == CLAIMS


async def test_an_audience_that_is_one_word_counts() -> None:
    assert (await verifier().verify(changed(aud="identity.internal"))).sub


async def test_a_missing_token_is_not_an_invalid_one() -> None:
    with pytest.raises(TokenMissing):
        await verifier().verify("")


NOW = int(time.time())
REFUSED = {
    "no signature needed": (unsigned(CLAIMS, "ec"), "algorithm"),
    "none in another spelling": (unsigned(CLAIMS, "ec", "NoNe"), "algorithm"),
    "public key as secret": (signed_with_public_key(CLAIMS, KEY), "algorithm"),
    "key of another type": (unsigned(CLAIMS, "ec", "RS256"), "algorithm"),
    "key of another curve type": (unsigned(CLAIMS, "ec", "EdDSA"), "algorithm"),
    "unlisted algorithm": (unsigned(CLAIMS, "ec", "ES512"), "algorithm"),
    "algorithm not a word": (f"{segment({'alg': ['ES256'], 'kid': 'ec'})}.e30.e30", "algorithm"),
    "signature stripped": (KEY.sign(CLAIMS).rsplit(".", 1)[0] + ".", "signature"),
    "signed by a stranger": (SigningKey("ec").sign(CLAIMS), "signature"),
    "key unknown": (SigningKey("other").sign(CLAIMS), "unknown_key"),
    "kid missing": (jwt.encode(CLAIMS, KEY.private, algorithm="ES256"), "unknown_key"),
    "kid too long": (KEY.sign(CLAIMS, kid="k" * 300), "unknown_key"),
    "critical extension": (KEY.sign(CLAIMS, crit=["exp"]), "malformed"),
    "wrong issuer": (changed(iss="https://elsewhere.test"), "issuer"),
    "issuer in another spelling": (changed(iss=ISSUER + "/"), "issuer"),
    "issuer missing": (changed(iss=None), "claims"),
    "issuer is a list": (changed(iss=[ISSUER]), "issuer"),
    "wrong audience": (changed(aud=["chat.internal"]), "audience"),
    "audience prefix": (changed(aud=["identity.internal.evil"]), "audience"),
    "audience missing": (changed(aud=None), "claims"),
    "audience empty": (changed(aud=[]), "claims"),
    "subject missing": (changed(sub=None), "claims"),
    "subject empty": (changed(sub=""), "claims"),
    "subject is a number": (changed(sub=7), "claims"),
    "expiry missing": (changed(exp=None), "claims"),
    "expired": (changed(exp=NOW - 60), "expired"),
    "expiry is a word": (changed(exp="never"), "malformed"),
    "expiry is endless": (changed(exp=float("inf")), "malformed"),
    "not yet valid": (changed(nbf=NOW + 3600), "not_yet_valid"),
    "two segments": ("a.b", "malformed"),
    "not base64": ("!.!.!", "malformed"),
    "header not an object": ("W10.e30.e30", "malformed"),
    "header nested deeply": (f"{'W1tb' * 1500}.e30.e30", "malformed"),
    "lone surrogate": ("\ud800.e30.e30", "malformed"),
    "too long": ("e" * (MAX_TOKEN_LENGTH + 1), "too_long"),
}


@pytest.mark.parametrize(("token", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_token_that_is_wrong_is_refused(token: str, reason: str) -> None:
    subject = verifier()
    with pytest.raises(TokenInvalid) as refused:
        await subject.verify(token)
    assert refused.value.reason == reason
    assert subject.cached(token) is None


async def test_an_algorithm_we_did_not_list_is_refused_even_with_its_key() -> None:
    with pytest.raises(TokenInvalid, match="algorithm"):
        await verifier(algorithms=("ES256",)).verify(RSA.sign(CLAIMS))


async def test_a_verified_token_is_remembered_until_its_expiry_and_not_beyond() -> None:
    clock = Clock()
    subject = verifier(clock=clock)
    token = KEY.sign(CLAIMS)
    claims = await subject.verify(token)
    assert subject.cached(token) is claims
    assert await subject.verify(token) is claims
    clock.now = claims.exp
    assert subject.cached(token) is None
    clock.now = claims.exp - 1
    assert subject.cached(token) is None, "forgotten, not hidden"


async def test_within_the_leeway_a_token_is_accepted_but_not_remembered() -> None:
    token = changed(exp=int(time.time()) - 2)
    subject = verifier()
    assert (await subject.verify(token)).sub
    assert subject.cached(token) is None


async def test_the_memory_is_bounded_and_keeps_what_was_used_last() -> None:
    subject = verifier(cache_size=2)
    tokens = [changed(jti=f"{n}") for n in range(3)]
    await subject.verify(tokens[0])
    await subject.verify(tokens[1])
    assert subject.cached(tokens[0]) is not None
    await subject.verify(tokens[2])
    assert [subject.cached(token) is not None for token in tokens] == [True, False, True]


async def test_a_withdrawn_key_voids_what_it_had_verified() -> None:
    keys = StaticKeys(parse(key_set(KEY)))
    subject = verifier(keys)
    token = KEY.sign(CLAIMS)
    await subject.verify(token)
    keys.replace(parse(key_set(SigningKey("new"))))
    assert subject.cached(token) is None
    with pytest.raises(TokenInvalid, match="unknown_key"):
        await subject.verify(token)


async def test_nothing_is_believed_while_no_key_may_be_trusted() -> None:
    keys = StaticKeys(parse(key_set(KEY)))
    subject = verifier(keys)
    token = KEY.sign(CLAIMS)
    await subject.verify(token)
    keys.loaded = False
    assert subject.cached(token) is None
    with pytest.raises(KeysUnavailable):
        await Verifier(NoKeys(), issuer=ISSUER, audience="identity.internal").verify(token)


@pytest.mark.parametrize(
    "settings",
    [{"algorithms": ("HS256",)}, {"algorithms": ()}, {"leeway": 31}, {"leeway": -1}],
    ids=str,
)
def test_a_verifier_that_would_be_unsafe_is_not_built(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"algorithms|leeway"):
        verifier(**settings)


def test_a_verifier_without_issuer_or_audience_is_not_built() -> None:
    for issuer, audience in (("", "a"), ("i", "")):
        with pytest.raises(ValueError, match="issuer"):
            Verifier(StaticKeys({}), issuer=issuer, audience=audience)


async def test_claims_cannot_be_changed() -> None:
    claims = await verifier().verify(KEY.sign(CLAIMS))
    with pytest.raises(AttributeError):
        claims.sub = "someone else"
    with pytest.raises(TypeError):
        claims["sub"] = "someone else"  # type: ignore[index]
    assert len(claims) == len(CLAIMS)
    assert isinstance(claims, Claims)


async def test_static_keys_do_not_know_a_strange_name() -> None:
    with pytest.raises(UnknownKey):
        await StaticKeys({}).key("x")
