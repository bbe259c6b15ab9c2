"""Periodic work goes on, whatever one run of it does."""

import asyncio

import pytest
from factories.polling import until
from factories.running import running
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.jobs import every


@pytest.mark.parametrize("fault", [DependencyUnavailable(), RuntimeError("a bug")])
async def test_a_failed_run_does_not_end_the_job(fault: Exception) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise fault

    async with running(every(0.001, "test", work)) as job:
        await until(lambda: runs >= 4)
        assert not job.done()


async def test_a_job_ends_when_it_is_cancelled() -> None:
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    async with running(every(0.001, "test", work)) as job:
        await started.wait()
    assert job.cancelled()
