"""A head is judged by itself: form, then credential, then policy."""

import tomllib
from typing import Any

import pytest
from factories.signing import ISSUER, SigningKey, key_set, service_claims
from hypothesis import given
from hypothesis import strategies as st
from parlor_kit.jwks import KeysUnavailable, StaticKeys, parse
from parlor_kit.tokens import Claims, Verifier
from parlor_sidecar.decision import (
    CHUNKED,
    Examined,
    Gate,
    Head,
    Limits,
    Refused,
    authorise,
    examine,
    forwarded,
)
from parlor_sidecar.headers import of_answer, of_request, speaks_of_identity
from parlor_sidecar.policy import build

KEY = SigningKey("one")
POLICY = build(
    tomllib.loads(
        """
        audience = "identity.internal"
        [[allow]]
        method = "GET"
        path = "/users/{id}"
        callers = ["chat"]
        """
    ),
    "parlor",
)


def head(*lines: tuple[bytes, bytes], method: bytes = b"GET", target: bytes = b"/users/7") -> Head:
    return Head(method, target, b"1.1", [(b"Host", b"a"), *lines])


def refusal(subject: Head, limits: Limits | None = None) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        examine(subject, limits or Limits())
    return refused.value.verdict.code, refused.value.verdict.reason


def test_what_is_forwarded_is_written_anew_and_says_who_was_authorised() -> None:
    request = examine(
        head(
            (b"Authorization", b"Bearer secret"),
            (b"accept", b" text/plain\t"),
            (b"X-Request-ID", b"r1"),
            (b"Content-Length", b"007"),
        ),
        Limits(),
    )
    assert request.token == "secret"
    assert forwarded(request, "system:serviceaccount:parlor:chat") == (
        b"GET /users/7 HTTP/1.1\r\naccept: text/plain\r\nHost: a\r\nX-Request-ID: r1\r\n"
        b"Content-Length: 7\r\nX-Service-Identity: system:serviceaccount:parlor:chat\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (b"Bearer abc", "abc"),
        (b"bearer abc", "abc"),
        (b"BEARER abc", "abc"),
        (b"Bearer", ""),
        (b"Basic abc", ""),
        (b"abc", ""),
        (b"", ""),
    ],
)
def test_a_credential_is_taken_in_one_form_only(value: bytes, token: str) -> None:
    assert examine(head((b"Authorization", value)), Limits()).token == token


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ([], 0),
        ([(b"Content-Length", b"0")], 0),
        ([(b"Content-Length", b"12")], 12),
        ([(b"Transfer-Encoding", b"chunked")], CHUNKED),
    ],
)
def test_a_body_is_announced_in_one_way(lines: list[tuple[bytes, bytes]], length: int) -> None:
    assert examine(head(*lines), Limits()).length == length


def test_limits_are_answered_with_codes_of_their_own() -> None:
    many = head(*[(b"X-A%d" % n, b"") for n in range(5)])
    assert refusal(many, Limits(max_headers=5)) == ("headers_too_large", "too_many_headers")
    large = head((b"Content-Length", b"11"))
    assert refusal(large, Limits(max_body_bytes=10)) == ("payload_too_large", "body_too_large")
    assert refusal(head()._replace(version=b"1.0"))[0] == "http_version_not_supported"
    assert refusal(head((b"Expect", b"x")))[0] == "expectation_failed"


IDENTITY_NAMES = [
    "x-service-identity",
    "x-forwarded-user",
    "x-auth-user",
    "remote-user",
    "x-user-id",
]


@given(st.sampled_from(IDENTITY_NAMES), st.data())
def test_a_name_of_identity_is_known_in_every_spelling(name: str, data: st.DataObject) -> None:
    spelled = "".join(
        data.draw(st.sampled_from("-_"))
        if letter == "-"
        else data.draw(st.sampled_from([letter, letter.upper()]))
        for letter in name
    ).encode()
    assert speaks_of_identity(spelled)
    request_lines = (spelled, b"forged")
    if b"_" in spelled:
        assert refusal(head(request_lines)) == ("bad_request", "header_name")
    else:
        assert b"forged" not in examine(head(request_lines), Limits()).lines


@given(st.binary(min_size=1, max_size=20))
def test_a_name_is_classified_whatever_its_bytes(name: bytes) -> None:
    assert of_request(name) in range(12)
    assert of_answer(name) in range(12)


def examined(**changes: Any) -> Examined:
    return examine(head(), Limits())._replace(**changes)


@pytest.mark.parametrize(
    ("request_", "caller", "code", "reason"),
    [
        (examined(), "chat", "allowed", "rule"),
        (examined(), "game", "forbidden", "caller"),
        (examined(method="POST"), "chat", "forbidden", "no_rule"),
        (examined(path=b"/users"), "chat", "forbidden", "no_rule"),
        (examined(upgrade=True), "chat", "forbidden", "upgrade"),
    ],
)
def test_a_verdict_is_caller_by_method_by_path(
    request_: Examined, caller: str, code: str, reason: str
) -> None:
    verdict = authorise(POLICY, request_, Claims(service_claims(caller, "identity")))
    assert (verdict.code, verdict.reason) == (code, reason)
    assert verdict.allowed == (code == "allowed")


def gate(keys: Any = None) -> Gate:
    keys = keys or StaticKeys(parse(key_set(KEY)))
    return Gate(POLICY, Verifier(keys, issuer=ISSUER, audience="identity.internal"))


async def test_a_credential_is_verified_once_and_then_known() -> None:
    subject = gate()
    request = examined(token=KEY.sign(service_claims("chat", "identity")))
    assert subject.quick(request) is None
    verdict, claims = await subject.settle(request)
    assert verdict.allowed
    assert claims is not None
    assert subject.quick(request) == (verdict, claims)


async def test_no_credential_needs_no_verification() -> None:
    decided = gate().quick(examined())
    assert decided is not None
    assert decided[0][:2] == ("unauthenticated", "missing")
    verdict, _ = await gate().settle(examined())
    assert verdict[:2] == ("unauthenticated", "missing")


async def test_a_bad_credential_is_unauthenticated_with_its_reason() -> None:
    token = KEY.sign(service_claims("chat", "identity", aud=["chat.internal"]))
    verdict, claims = await gate().settle(examined(token=token))
    assert verdict[:2] == ("unauthenticated", "audience")
    assert claims is None


class NoKeys:
    loaded = False
    generation = 0

    async def key(self, kid: str) -> Any:
        raise KeysUnavailable(kid)


async def test_without_keys_nothing_is_allowed() -> None:
    request = examined(token=KEY.sign(service_claims("chat", "identity")))
    verdict, _ = await gate(NoKeys()).settle(request)
    assert verdict[:2] == ("upstream_unavailable", "no_keys")
