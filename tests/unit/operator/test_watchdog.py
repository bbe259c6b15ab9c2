"""What counts as a dead watch."""

import asyncio
from datetime import timedelta

import pytest
from factories.polling import until
from parlor_operator.errors import Gone, Unavailable
from parlor_operator.watchdog import Watchdog


class Listing:
    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.fault: BaseException | None = None
        self.asked = asyncio.Event()

    async def versions(self, plural: str, namespace: str | None) -> dict[str, str]:
        self.asked.set()
        if self.fault is not None:
            raise self.fault
        return dict(self.there)


class Setting:
    def __init__(self) -> None:
        self.now = 0.0
        self.listing = Listing()
        self.dog = Watchdog(
            self.listing, ["holds"], [], timedelta(seconds=60), clock=lambda: self.now
        )

    async def check(self, after: float = 0) -> list[str]:
        self.now += after
        await self.dog.check("holds")
        return self.dog.dead


@pytest.mark.parametrize(
    ("seen", "listed"), [({}, {"a": "5"}), ({"a": "4"}, {"a": "5"}), ({"a": "5"}, {})]
)
async def test_a_change_that_the_watch_misses_for_too_long_means_it_is_dead(
    seen: dict[str, str], listed: dict[str, str]
) -> None:
    setting = Setting()
    for uid, version in seen.items():
        setting.dog.saw("holds", uid, version)
    setting.listing.there = listed
    assert await setting.check() == []
    assert await setting.check(59) == []
    assert await setting.check(1) == ["holds"]


async def test_a_watch_that_catches_up_is_alive() -> None:
    setting = Setting()
    setting.listing.there = {"a": "5"}
    await setting.check()
    setting.dog.saw("holds", "a", "5")
    assert await setting.check(100) == []
    setting.listing.there = {}
    setting.dog.saw("holds", "a", "6", gone=True)
    assert await setting.check(100) == []


async def test_a_watch_may_be_ahead_of_a_list() -> None:
    setting = Setting()
    setting.dog.saw("holds", "a", "10")
    setting.listing.there = {"a": "9"}
    await setting.check()
    assert await setting.check(100) == []


async def test_a_kind_that_the_cluster_does_not_know_any_more_is_missed() -> None:
    setting = Setting()
    setting.dog.saw("holds", "a", "5")
    setting.listing.fault = Gone()
    assert await setting.check() == []
    assert await setting.check(60) == ["holds"]
    assert setting.dog.trouble == "the watch of holds is dead"
    setting.listing.fault, setting.listing.there = None, {"a": "5"}
    assert await setting.check(1) == []
    assert setting.dog.trouble is None


async def test_a_fault_that_nobody_foresaw_does_not_end_it() -> None:
    listing, ready = Listing(), asyncio.Event()
    listing.fault = KeyError("items")
    dog = Watchdog(listing, ["holds"], [], timedelta(milliseconds=60))
    dog.start(ready)
    try:
        ready.set()
        async with asyncio.timeout(10):
            await listing.asked.wait()
            listing.asked.clear()
            await listing.asked.wait()
        assert dog.trouble is None
    finally:
        await dog.stop()


async def test_one_that_ended_itself_is_trouble() -> None:
    listing, ready = Listing(), asyncio.Event()
    listing.fault = asyncio.CancelledError()
    dog = Watchdog(listing, ["holds"], [], timedelta(milliseconds=60))
    dog.start(ready)
    ready.set()
    await until(lambda: dog.trouble == "nobody looks after the watches", seconds=10)


async def test_nothing_is_asked_before_there_is_a_watch() -> None:
    listing, ready = Listing(), asyncio.Event()
    dog = Watchdog(listing, ["holds"], [], timedelta(0))
    dog.start(ready)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not listing.asked.is_set()
    ready.set()
    async with asyncio.timeout(10):
        await listing.asked.wait()
    await dog.stop()


async def test_a_cluster_that_does_not_answer_proves_nothing() -> None:
    setting = Setting()
    setting.listing.fault = Unavailable("cluster", "away")
    with pytest.raises(Unavailable):
        await setting.check(1000)
    assert setting.dog.dead == []
