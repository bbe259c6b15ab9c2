"""Waiting for a condition, bounded: the only way a test here waits for anything.

The bound is for what never comes, so it is far beyond what a busy machine takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool], seconds: float = 30, every: float = 0.005) -> None:
    """Return once the condition holds; fail when it does not within the time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is not ours to signal
            await asyncio.sleep(every)


async def until_true(
    condition: Callable[[], Awaitable[bool]], seconds: float = 30, every: float = 0.05
) -> None:
    """Return once the awaited condition holds; fail when it does not within the time."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the condition is not ours to signal
            await asyncio.sleep(every)
