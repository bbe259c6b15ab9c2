"""Registering, once and at the same moment as others."""

import asyncio

import pytest
from factories.identity_replicas import Replica, log_in, new_email, new_password, register

pytestmark = pytest.mark.functional


async def test_a_taken_email_is_refused_however_it_is_spelled(replica: Replica) -> None:
    email = new_email()
    assert (await register(replica.public, email, new_password())).status == 201
    again = await register(replica.public, email.title(), new_password())
    assert (again.status, again.code) == (409, "email_taken")


async def test_of_many_who_race_for_an_email_one_gets_it(replica: Replica) -> None:
    email = new_email()
    passwords = [new_password() for _ in range(12)]
    replies = await asyncio.gather(*(register(replica.public, email, p) for p in passwords))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 11
    assert {reply.code for reply in replies} == {None, "email_taken"}
    winner = passwords[[reply.status for reply in replies].index(201)]
    assert (await log_in(replica.public, email, winner)).status == 200


async def test_one_key_many_times_at_once_registers_once(replica: Replica) -> None:
    email, password = new_email(), new_password()
    replies = await asyncio.gather(
        *(register(replica.public, email, password, key="register-once") for _ in range(20))
    )
    assert {reply.status for reply in replies} == {201}
    assert len({str(reply.body) for reply in replies}) == 1


async def test_a_key_with_another_body_is_refused(replica: Replica) -> None:
    assert (await register(replica.public, new_email(), new_password(), key="mine")).status == 201
    reply = await register(replica.public, new_email(), new_password(), key="mine")
    assert (reply.status, reply.code) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    "password", ["password1234", "Passw0rd!Passw0rd!", "aaaaaaaaaaaaaa", "short", "x" * 129]
)
async def test_a_password_that_is_easily_guessed_is_refused(
    replica: Replica, password: str
) -> None:
    reply = await register(replica.public, new_email(), password)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert {error["field"] for error in reply.body["errors"]} == {"password"}


async def test_nobody_registers_as_more_than_a_customer(replica: Replica) -> None:
    body = {
        "email": new_email(),
        "password": new_password(),
        "display_name": "Somebody",
        "role": "admin",
    }
    reply = await replica.public.call("POST", "/api/v1/auth/register", json=body)
    assert (reply.status, reply.code) == (422, "validation_failed")
