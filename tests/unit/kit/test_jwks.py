"""Keys are refreshed, rotated and refused; a stranger's token never decides when we ask."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from factories.polling import until
from factories.signing import SigningKey, ed25519_key, key_set, rsa_key
from parlor_kit.jwks import KeySet, KeysUnavailable, StaticKeys, UnknownKey, parse


class FakeIssuer:
    """An issuer whose answer, and whose being there, the test decides."""

    def __init__(self, *keys: SigningKey) -> None:
        self.document = key_set(*keys) if keys else b""
        self.down = False
        self.asked = 0
        self.hold: asyncio.Event | None = None

    async def __call__(self) -> bytes:
        self.asked += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.down:
            raise OSError("connection refused")
        return self.document


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def keys_of(issuer: FakeIssuer, clock: FakeClock) -> KeySet:
    return KeySet("http://issuer.test/jwks", clock=clock, fetch=issuer)


async def test_a_key_of_the_first_load_is_found_without_asking_again() -> None:
    issuer, clock = FakeIssuer(SigningKey("a")), FakeClock()
    keys = keys_of(issuer, clock)
    await keys.start()
    assert keys.loaded
    assert (await keys.key("a")).key_id == "a"
    assert issuer.asked == 1
    await keys.close()


async def test_a_start_without_the_issuer_does_not_raise_and_loads_later() -> None:
    issuer, clock = FakeIssuer(SigningKey("a")), FakeClock()
    issuer.down = True
    keys = keys_of(issuer, clock)
    await keys.start()
    assert not keys.loaded
    with pytest.raises(KeysUnavailable):
        await keys.key("a")
    issuer.down = False
    await until(lambda: keys.loaded)
    assert (await keys.key("a")).key_id == "a"
    await keys.close()


async def test_a_rotated_key_is_found_by_one_refetch() -> None:
    old, new = SigningKey("old"), SigningKey("new")
    issuer, clock = FakeIssuer(old), FakeClock()
    keys = keys_of(issuer, clock)
    await keys.start()
    issuer.document = key_set(old, new)
    assert (await keys.key("new")).key_id == "new"
    assert issuer.asked == 2
    assert keys.generation == 0, "nothing was withdrawn"
    await keys.close()


async def test_a_withdrawn_key_is_gone_and_moves_the_generation() -> None:
    issuer, clock = FakeIssuer(SigningKey("old")), FakeClock()
    keys = keys_of(issuer, clock)
    await keys.start()
    issuer.document = key_set(SigningKey("new"))
    await keys.key("new")
    assert keys.generation == 1
    with pytest.raises(UnknownKey):
        await keys.key("old")
    await keys.close()


async def test_a_replaced_key_of_the_same_name_moves_the_generation() -> None:
    issuer, clock = FakeIssuer(SigningKey("a")), FakeClock()
    keys = keys_of(issuer, clock)
    await keys.start()
    issuer.document = key_set(SigningKey("a"))
    with pytest.raises(UnknownKey):
        await keys.key("unknown")
    assert keys.generation == 1
    await keys.close()


async def test_a_flood_of_unknown_kids_costs_one_fetch_a_window() -> None:
    issuer, clock = FakeIssuer(SigningKey("a")), FakeClock()
    keys = keys_of(issuer, clock)
    await keys.start()
    for _ in range(3):
        before = issuer.asked
        outcomes = await asyncio.gather(
            *(keys.key(f"unknown-{n}") for n in range(200)), return_exceptions=True
        )
        assert all(isinstance(outcome, UnknownKey) for outcome in outcomes)
        assert issuer.asked == before + 1
        clock.now += 10
    await keys.close()


async def test_waiters_share_a_load_that_is_under_way() -> None:
    issuer, clock = FakeIssuer(SigningKey("a")), FakeClock()
    keys = keys_of(issuer, clock)
    issuer.hold = asyncio.Event()
    waiters = [asyncio.create_task(keys.key("a")) for _ in range(20)]
    await asyncio.sleep(0)
    issuer.hold.set()
    assert {key.key_id for key in await asyncio.gather(*waiters)} == {"a"}
    assert issuer.asked == 1
    await keys.close()


async def test_a_waiter_that_gives_up_does_not_stop_the_load() -> None:
    issuer, clock = FakeIssuer(SigningKey("a")), FakeClock()
    keys = keys_of(issuer, clock)
    issuer.hold = asyncio.Event()
    impatient = asyncio.create_task(keys.key("a"))
    patient = asyncio.create_task(keys.key("a"))
    await asyncio.sleep(0)
    impatient.cancel()
    issuer.hold.set()
    assert (await patient).key_id == "a"
    await keys.close()


async def test_an_outage_is_survived_until_the_keys_are_too_old() -> None:
    issuer, clock = FakeIssuer(SigningKey("a")), FakeClock()
    keys = keys_of(issuer, clock)
    await keys.start()
    issuer.down = True
    clock.now += 3600
    assert (await keys.key("a")).key_id == "a"
    clock.now += 1
    assert not keys.loaded
    with pytest.raises(KeysUnavailable):
        await keys.key("a")
    issuer.down = False
    clock.now += 10
    assert (await keys.key("a")).key_id == "a"
    await keys.close()


async def test_an_unknown_kid_during_an_outage_may_be_tried_again() -> None:
    issuer, clock = FakeIssuer(SigningKey("a")), FakeClock()
    keys = keys_of(issuer, clock)
    await keys.start()
    issuer.down = True
    with pytest.raises(KeysUnavailable):
        await keys.key("rotated meanwhile")
    assert (await keys.key("a")).key_id == "a"
    await keys.close()


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": []}', b"[" * 100_000, b"\xff"])
async def test_a_broken_document_leaves_the_last_good_keys(document: bytes) -> None:
    issuer, clock = FakeIssuer(SigningKey("a")), FakeClock()
    keys = keys_of(issuer, clock)
    await keys.start()
    issuer.document = document
    with pytest.raises(KeysUnavailable):
        await keys.key("b")
    assert (await keys.key("a")).key_id == "a"
    await keys.close()


async def test_keys_are_refreshed_in_the_background() -> None:
    issuer = FakeIssuer(SigningKey("a"))
    keys = KeySet("http://issuer.test/jwks", fetch=issuer, refresh_seconds=0.01)
    await keys.start()
    await until(lambda: issuer.asked >= 3)
    await keys.close()


def test_every_kind_of_key_we_allow_is_read() -> None:
    found = parse(key_set(SigningKey("ec"), ed25519_key("ed"), rsa_key("rsa")))
    assert {kid: key.algorithm_name for kid, key in found.items()} == {
        "ec": "ES256",
        "ed": "EdDSA",
        "rsa": "RS256",
    }


@pytest.mark.parametrize(
    "bad",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
        {**SigningKey("x").jwk, "use": "enc"},
        {**SigningKey("x").jwk, "key_ops": ["sign"]},
        {**SigningKey("x").jwk, "d": "AAAA"},
        {**SigningKey("x").jwk, "kid": 7},
        {**SigningKey("x").jwk, "kid": ""},
        {**SigningKey("x").jwk, "kid": "k" * 300},
        {**SigningKey("x").jwk, "alg": "HS256"},
        {**SigningKey("x").jwk, "x": "AAAA"},
        {**SigningKey("x").jwk, "key_ops": 7},
        rsa_key("x", bits=1024).jwk,
        "not an object",
    ],
)
def test_an_entry_that_cannot_verify_safely_is_left_out(bad: object) -> None:
    document = json.dumps({"keys": [bad, SigningKey("good").jwk]}).encode()
    assert set(parse(document)) == {"good"}


async def test_static_keys_void_what_they_verified_when_replaced() -> None:
    keys = StaticKeys(parse(key_set(SigningKey("a"))))
    assert keys.loaded
    keys.replace(parse(key_set(SigningKey("b"))))
    assert keys.generation == 1
    with pytest.raises(UnknownKey):
        await keys.key("a")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/x", "jwks.json", "http:///x"])
def test_an_address_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http or https"):
        KeySet(url)


def test_a_bearer_token_never_travels_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="https"):
        KeySet("http://issuer.test/jwks", token_file=tmp_path / "token")


class Answer(BaseHTTPRequestHandler):
    body = b""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/jwks")
            self.end_headers()
            return
        if self.path == "/garbage":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
            return
        body = b"x" * 300_000 if self.path == "/huge" else type(self).body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Answer.body = key_set(SigningKey("a"))
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


async def test_keys_are_fetched_over_http(server: str) -> None:
    keys = KeySet(f"{server}/jwks")
    await keys.start()
    assert (await keys.key("a")).key_id == "a"
    await keys.close()


@pytest.mark.parametrize("path", ["/moved", "/huge", "/garbage"])
async def test_an_answer_that_is_no_key_set_is_refused(server: str, path: str) -> None:
    keys = KeySet(f"{server}{path}")
    await keys.start()
    assert not keys.loaded
    await keys.close()
