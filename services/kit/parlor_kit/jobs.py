"""Periodic work of a worker process: expiries, leases, pruning. Safe to run in every replica."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from parlor_kit import logs
from parlor_kit.errors import DependencyUnavailable

log = logs.get("jobs")


async def every(seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Run `work` about every `seconds` until cancelled; a failed run is logged and tried again."""
    while True:
        await asyncio.sleep(seconds * random.uniform(0.9, 1.1))  # noqa: S311
        try:
            await work()
        except DependencyUnavailable as fault:
            log.warning("job.waiting", job=name, fault=fault.detail)
        except Exception as fault:
            log.error("job.failed", job=name, exc_info=fault)
