"""Failed logins slow down further ones, on every replica, and lock no owner out for long."""

import asyncio

import pytest
from factories.identity_replicas import (
    Identity,
    Replica,
    coming_from,
    log_in,
    new_email,
    new_password,
    register,
)
from factories.running_api import Client, Reply

pytestmark = pytest.mark.functional

HASHES = "parlor_identity_password_hashes_total"
HOME, ELSEWHERE = "192.0.2.10", "198.51.100.20"
PATIENT = {"IDENTITY_FIRST_DELAY": "PT60S"}


async def wrong(client: Client, email: str, address: str = HOME) -> Reply:
    return await log_in(client, email, "not-the-password", headers=coming_from(address))


async def fail(client: Client, email: str, times: int, address: str = HOME) -> list[int]:
    return [(await wrong(client, email, address)).status for _ in range(times)]


async def person(client: Client, address: str = HOME) -> tuple[str, str]:
    email, password = new_email(), new_password()
    reply = await register(client, email, password, headers=coming_from(address))
    assert reply.status == 201
    return email, password


async def test_words_and_work_are_the_same_for_everybody(
    identity: Identity, replica: Replica
) -> None:
    """A wrong password, an unknown e-mail and a disabled account: one hash, one answer."""
    email, _ = await person(replica.public)
    disabled, password = await person(replica.public)
    await identity.rows("UPDATE accounts SET status = 'disabled' WHERE email = $1", disabled)
    answers, work = [], []
    for attempt in ((email, "wrong"), (new_email(), "wrong"), (disabled, password)):
        before = await replica.metric(HASHES)
        reply = await log_in(replica.public, *attempt, headers=coming_from("192.0.2.77"))
        work.append(await replica.metric(HASHES) - before)
        answers.append({**reply.body, "request_id": ""})
    assert work == [1, 1, 1]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["code"] == "invalid_credentials"
    assert answers[0]["status"] == 401


async def test_too_many_failures_are_answered_429_with_the_time_to_wait(replica: Replica) -> None:
    email, password = await person(replica.public)
    assert await fail(replica.public, email, 5) == [401] * 5
    refused = await log_in(replica.public, email, password, headers=coming_from(HOME))
    assert (refused.status, refused.code) == (429, "too_many_attempts")
    assert 1 <= int(refused.headers["retry-after"]) <= 5


async def test_an_account_that_does_not_exist_is_locked_just_the_same(replica: Replica) -> None:
    assert await fail(replica.public, new_email(), 7) == [401] * 5 + [429] * 2


async def test_the_delay_grows_and_ends(identity: Identity, replica: Replica) -> None:
    email, password = await person(replica.public)
    address = "192.0.2.30"
    await fail(replica.public, email, 5, address)
    waits = []
    for _ in range(4):
        refused = await wrong(replica.public, email, address)
        waits.append(int(refused.headers["retry-after"]))
        await identity.rows(
            "UPDATE login_throttles SET blocked_until = now() WHERE blocked_until > now()"
        )
        assert (await wrong(replica.public, email, address)).status == 401
    # A slow step takes off what it took; a delay that had not doubled would still be told apart.
    assert all(full / 2 < wait <= full for wait, full in zip(waits, (5, 10, 20, 40), strict=True))
    await identity.rows(
        "UPDATE login_throttles SET blocked_until = now() WHERE blocked_until > now()"
    )
    right = await log_in(replica.public, email, password, headers=coming_from(address))
    assert right.status == 200
    assert await fail(replica.public, email, 4, address) == [401] * 4


async def test_parallel_failures_get_no_more_answers_than_failures_in_turn(
    identity: Identity,
) -> None:
    """Fifty at once on two replicas, the right password among them: five answers, not more."""
    async with identity.replica(**PATIENT) as one, identity.replica(**PATIENT) as two:
        email, _ = await person(one.public)
        replies = await asyncio.gather(*(wrong((one, two)[n % 2].public, email) for n in range(50)))
    assert sorted(reply.status for reply in replies) == [401] * 5 + [429] * 45


async def test_right_passwords_sent_at_once_never_count_against_each_other(
    replica: Replica,
) -> None:
    email, password = await person(replica.public)
    replies = await asyncio.gather(
        *(log_in(replica.public, email, password, headers=coming_from(HOME)) for _ in range(30))
    )
    assert {reply.status for reply in replies} == {200}


async def test_a_lockout_is_shared_by_replicas_and_outlives_them(identity: Identity) -> None:
    async with identity.replica(**PATIENT) as two:
        async with identity.replica(**PATIENT) as one:
            email, password = await person(one.public)
            assert await fail(one.public, email, 5) == [401] * 5
        refused = await log_in(two.public, email, password, headers=coming_from(HOME))
        assert refused.status == 429
    async with identity.replica(**PATIENT) as three:
        refused = await log_in(three.public, email, password, headers=coming_from(HOME))
        assert refused.status == 429
        assert 40 < int(refused.headers["retry-after"]) <= 60


async def test_strangers_cannot_lock_an_owner_out(identity: Identity) -> None:
    async with identity.replica(**PATIENT) as replica:
        email, password = await person(replica.public)
        for number in range(5):
            await fail(replica.public, email, 4, address=f"203.0.113.{number}")
        unknown_place = await log_in(
            replica.public, email, password, headers=coming_from(ELSEWHERE)
        )
        assert unknown_place.status == 429
        assert int(unknown_place.headers["retry-after"]) <= 60
        at_home = await log_in(replica.public, email, password, headers=coming_from(HOME))
        assert at_home.status == 200


async def test_guessing_at_many_accounts_from_one_place_is_slowed_down(identity: Identity) -> None:
    changes = PATIENT | {"IDENTITY_FAILURES_FREE_ADDRESS": "6"}
    async with identity.replica(**changes) as replica:
        neighbour, password = await person(replica.public, address="2001:db8:5::1")
        others = [f"2001:db8:5:0:{n:x}::1" for n in range(7)]
        replies = [await wrong(replica.public, new_email(), place) for place in others]
        assert [reply.status for reply in replies] == [401] * 6 + [429]
        assert (await wrong(replica.public, new_email(), "2001:db8:6::1")).status == 401
        at_home = await log_in(
            replica.public, neighbour, password, headers=coming_from("2001:db8:5::2")
        )
        assert at_home.status == 200


async def test_the_address_is_what_the_trusted_proxy_says(identity: Identity) -> None:
    """What a client writes into X-Forwarded-For itself changes nothing."""
    async with identity.replica(**PATIENT) as replica:
        email = new_email()
        statuses = [
            (await wrong(replica.public, email, f"10.0.0.{n}, 192.0.2.50")).status for n in range(6)
        ]
    assert statuses == [401] * 5 + [429]


async def test_an_overloaded_replica_refuses_at_once(identity: Identity) -> None:
    changes = {"IDENTITY_HASH_PARALLELISM": "1", "IDENTITY_HASH_QUEUE": "2"}
    async with identity.replica(**changes) as replica:
        email, password = await person(replica.public)
        replies = await asyncio.gather(
            *(log_in(replica.public, email, password) for _ in range(30))
        )
        busy = [reply for reply in replies if reply.status == 503]
        assert {reply.status for reply in replies} == {200, 503}
        assert {reply.code for reply in busy} == {"overloaded"}
        assert {reply.headers["retry-after"] for reply in busy} == {"1"}
        assert (await log_in(replica.public, email, password)).status == 200
