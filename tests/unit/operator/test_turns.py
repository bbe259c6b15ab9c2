"""One at a time for a resource, a few at a time in all, and never an old word after a new one."""

import asyncio

from factories.polling import until
from factories.running import running
from parlor_operator.controllers.turns import Turns


async def test_calls_for_one_resource_take_turns() -> None:
    turns, inside, most = Turns(), 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with turns.take("a", 1):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(5)))
    assert most == 1


async def test_only_a_few_resources_are_worked_on_at_once() -> None:
    turns, inside, go_on = Turns(at_once=2), 0, asyncio.Event()

    async def work(uid: str) -> None:
        nonlocal inside
        async with turns.take(uid, 1):
            inside += 1
            await go_on.wait()

    async def all_of_them() -> None:
        await asyncio.gather(*(work(str(number)) for number in range(5)))

    async with running(all_of_them()) as task:
        await until(lambda: inside == 2)
        go_on.set()
        await task
    assert inside == 5


async def test_an_older_generation_is_dropped() -> None:
    turns = Turns()
    async with turns.take("a", 3) as ours:
        assert ours
    async with turns.take("a", 2) as ours:
        assert not ours
    async with turns.take("a", 3) as ours:
        assert ours


async def test_whoever_waits_while_the_resource_goes_is_dropped() -> None:
    """A timer that was about to compare must not make anew what the deletion let go."""
    turns, said = Turns(), []

    async def timer() -> None:
        async with turns.take("a", 7) as ours:
            said.append(ours)

    async with turns.take("a", 7):
        waiting = asyncio.create_task(timer())
        await asyncio.sleep(0)
        turns.forget("a")
    await waiting
    assert said == [False]
