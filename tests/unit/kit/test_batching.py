"""The batching writer: a lone write goes at once, a crowd shares, nobody fails for another."""

import asyncio
from collections.abc import Sequence

import pytest
from parlor_kit.batching import BatchWriter
from parlor_kit.errors import DependencyUnavailable, TooManyRequests


class Ledger:
    """A commit that waits until it is let go, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.away = False

    async def commit(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if self.away:
            raise DependencyUnavailable("the ledger is away")
        if any(item < 0 for item in items):
            raise ValueError("a negative item")
        return [item * 10 for item in items]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


async def test_a_lone_write_goes_at_once(ledger: Ledger) -> None:
    writer = BatchWriter("test", ledger.commit)
    assert await writer.submit(1) == 10
    assert await writer.submit(2) == 20
    assert ledger.batches == [[1], [2]]


async def test_what_queued_during_a_commit_shares_the_next_one_in_order(ledger: Ledger) -> None:
    writer = BatchWriter("test", ledger.commit)
    ledger.gate.clear()
    first = writer.submit(0)
    await asyncio.sleep(0)
    crowd = [writer.submit(number) for number in range(1, 50)]
    await asyncio.sleep(0)
    ledger.gate.set()
    assert await asyncio.gather(first, *crowd) == [number * 10 for number in range(50)]
    assert ledger.batches == [[0], list(range(1, 50))]


async def test_a_batch_is_bounded(ledger: Ledger) -> None:
    writer = BatchWriter("test", ledger.commit, max_batch=4)
    await asyncio.gather(*(writer.submit(number) for number in range(10)))
    assert ledger.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_bad_item_fails_alone(ledger: Ledger) -> None:
    writer = BatchWriter("test", ledger.commit)
    answers = await asyncio.gather(
        *(writer.submit(number) for number in (1, -2, 3)), return_exceptions=True
    )
    assert answers[0] == 10
    assert isinstance(answers[1], ValueError)
    assert answers[2] == 30
    assert ledger.batches == [[1, -2, 3], [1], [-2], [3]]


async def test_a_lone_bad_item_is_not_tried_again(ledger: Ledger) -> None:
    writer = BatchWriter("test", ledger.commit)
    with pytest.raises(ValueError, match="negative"):
        await writer.submit(-1)
    assert ledger.batches == [[-1]]
    assert await writer.submit(2) == 20


async def test_without_the_database_all_of_the_batch_may_try_again(ledger: Ledger) -> None:
    writer = BatchWriter("test", ledger.commit)
    ledger.away = True
    answers = await asyncio.gather(
        *(writer.submit(number) for number in range(3)), return_exceptions=True
    )
    assert all(isinstance(answer, DependencyUnavailable) for answer in answers)
    assert ledger.batches == [[0, 1, 2]]
    ledger.away = False
    assert await writer.submit(7) == 70


async def test_beyond_the_queue_writes_are_refused(ledger: Ledger) -> None:
    writer = BatchWriter("test", ledger.commit, max_queue=2)
    ledger.gate.clear()
    first = writer.submit(0)
    await asyncio.sleep(0)
    waiting = [writer.submit(1), writer.submit(2)]
    with pytest.raises(TooManyRequests) as refused:
        writer.submit(3)
    assert refused.value.retry_after == 1
    ledger.gate.set()
    assert await asyncio.gather(first, *waiting) == [0, 10, 20]


async def test_who_gives_up_waiting_does_not_disturb_the_others(ledger: Ledger) -> None:
    writer = BatchWriter("test", ledger.commit)
    ledger.gate.clear()
    left, kept = writer.submit(1), writer.submit(2)
    await asyncio.sleep(0)
    left.cancel()
    ledger.gate.set()
    assert await kept == 20
    assert left.cancelled()


async def test_close_waits_until_all_is_answered(ledger: Ledger) -> None:
    writer = BatchWriter("test", ledger.commit)
    futures = [writer.submit(number) for number in range(5)]
    await writer.close()
    assert all(future.done() for future in futures)
