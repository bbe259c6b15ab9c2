"""What counts as a dead watch."""

from datetime import timedelta

import pytest
from parlor_operator.errors import Unavailable
from parlor_operator.watchdog import Watchdog


class Listing:
    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.away = False

    async def versions(self, plural: str, namespace: str | None) -> dict[str, str]:
        if self.away:
            raise Unavailable("cluster", "away")
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


async def test_a_cluster_that_does_not_answer_proves_nothing() -> None:
    setting = Setting()
    setting.listing.away = True
    with pytest.raises(Unavailable):
        await setting.check(1000)
    assert setting.dog.dead == []
