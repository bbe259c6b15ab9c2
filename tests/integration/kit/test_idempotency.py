"""Idempotency keys on a real database: the work is done once, whatever races or rolls back."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from parlor_kit.answers import Answer
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import Forbidden, IdempotencyKeyReused, ValidationFailed
from parlor_kit.idempotency import Idempotency, IdempotencyKey, read_key
from parlor_kit.ids import new_id
from parlor_kit.sealing import Sealer

pytestmark = pytest.mark.integration

SEALER = Sealer(b"s" * 32)


def key(
    name: str = "k", body: bytes = b"{}", path: str = "/things", user: UUID | None = None
) -> IdempotencyKey:
    found = read_key(name, subject=user, route="POST /things", path=path, body=body, sealer=SEALER)
    assert found is not None
    return found


class Work:
    """Counts how often it was done; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.done = 0
        self.failures = failures

    async def __call__(self, transaction: Transaction) -> Answer:
        await transaction.connection.execute("SELECT pg_sleep(0.02)")
        if self.failures:
            self.failures -= 1
            raise Forbidden("not this time")
        self.done += 1
        return Answer(201, {"number": self.done, "token": "inv_secret"}, object_id=new_id())


@pytest.fixture
def idempotency(database: Database, rows: asyncpg.Connection) -> Idempotency:
    return Idempotency(database, SEALER)


def outcome(answer: Answer) -> tuple[int, bytes]:
    return answer.status, answer.encode()


async def test_twenty_at_once_do_the_work_once(idempotency: Idempotency) -> None:
    work = Work()
    answers = await asyncio.gather(*(idempotency.once(key(), work) for _ in range(20)))
    assert work.done == 1
    assert len({outcome(answer) for answer in answers}) == 1


async def test_the_first_answer_is_given_again_to_the_letter(idempotency: Idempotency) -> None:
    work = Work()
    first = await idempotency.once(key(), work)
    again = await idempotency.once(key(), work)
    known = await idempotency.first_answer(key())
    assert known is not None
    assert outcome(first) == outcome(again) == outcome(known)
    assert work.done == 1


async def test_another_body_under_the_key_is_refused(idempotency: Idempotency) -> None:
    work = Work()
    await idempotency.once(key(body=b'{"a":1}'), work)
    for ask in (idempotency.once(key(body=b'{"a":2}'), work), idempotency.first_answer(key())):
        with pytest.raises(IdempotencyKeyReused):
            await ask
    assert work.done == 1


@pytest.mark.parametrize(
    "other", [key("other"), key(path="/things/2"), key(user=new_id())], ids=["key", "path", "user"]
)
async def test_another_key_object_or_user_is_another_request(
    idempotency: Idempotency, other: IdempotencyKey
) -> None:
    work = Work()
    await idempotency.once(key(), work)
    await idempotency.once(other, work)
    assert work.done == 2


async def test_without_a_key_each_request_is_its_own(
    idempotency: Idempotency, rows: asyncpg.Connection
) -> None:
    work = Work()
    for _ in range(2):
        await idempotency.once(None, work)
    assert work.done == 2
    assert await idempotency.first_answer(None) is None
    assert await rows.fetchval("SELECT count(*) FROM idempotency_records") == 0


async def test_work_that_failed_leaves_the_key_free(
    idempotency: Idempotency, rows: asyncpg.Connection
) -> None:
    work = Work(failures=1)
    with pytest.raises(Forbidden):
        await idempotency.once(key(), work)
    assert await rows.fetchval("SELECT count(*) FROM idempotency_records") == 0
    assert (await idempotency.once(key(), work)).status == 201


async def test_who_waited_for_work_that_failed_does_it(idempotency: Idempotency) -> None:
    work = Work(failures=1)
    answers = await asyncio.gather(
        *(idempotency.once(key(), work) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(answer, Forbidden) for answer in answers) == 1
    assert work.done == 1
    assert len({outcome(one) for one in answers if isinstance(one, Answer)}) == 1


async def test_a_secret_answer_is_stored_sealed_and_given_again_open(
    idempotency: Idempotency, rows: asyncpg.Connection
) -> None:
    work = Work()
    first = await idempotency.once(key(), work, secret=True)
    stored = bytes(await rows.fetchval("SELECT answer FROM idempotency_records"))
    assert b"inv_secret" not in stored
    assert outcome(await idempotency.once(key(), work, secret=True)) == outcome(first)


async def test_a_record_holds_neither_path_nor_body(
    idempotency: Idempotency, rows: asyncpg.Connection
) -> None:
    secret_key = key(path="/invites/inv_path/redeem", body=b'{"password":"inv_body"}')
    await idempotency.once(secret_key, Work(), secret=True)
    record = await rows.fetchval("SELECT string_agg(t::text, '') FROM idempotency_records t")
    for secret in ("inv_path", "inv_body"):
        assert secret not in record
        assert secret.encode().hex() not in record


async def test_a_record_can_go_with_its_object(
    idempotency: Idempotency, rows: asyncpg.Connection
) -> None:
    work = Work()
    await idempotency.once(key(), work)
    await rows.execute("DELETE FROM idempotency_records WHERE object_id IS NOT NULL")
    await idempotency.once(key(), work)
    assert work.done == 2


@pytest.mark.parametrize("header", ["", "x" * 256, "a\nb", "a\x7fb"])
def test_a_key_that_cannot_be_used_is_refused(header: str) -> None:
    with pytest.raises(ValidationFailed):
        read_key(header, subject=None, route="POST /t", path="/t", body=b"", sealer=SEALER)
