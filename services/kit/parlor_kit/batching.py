"""The batching writer: what queued while the last commit ran shares the next one.

No timer: a lone write goes at once, a crowd shares commits of growing size. Each submitter is
answered after its own row is durable. Used by the hot paths of chat and game.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from parlor_kit import logs, metrics
from parlor_kit.errors import DependencyUnavailable, TooManyRequests

log = logs.get("batching")

Item = TypeVar("Item")
Result = TypeVar("Result")


class BatchWriter(Generic[Item, Result]):
    """Collects items and commits them together, in the order in which they were submitted.

    Args:
        name: label of the batch-size metric.
        commit: writes a batch in one transaction and returns one result an item, in order; a
            result that is an exception is raised to whoever submitted that item.
        max_batch: most items that share a commit.
        max_queue: beyond this many waiting items, `submit` refuses with 429.
    """

    def __init__(
        self,
        name: str,
        commit: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_batch: int = 512,
        max_queue: int = 20_000,
    ) -> None:
        self._commit = commit
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._queue: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._sizes = metrics.BATCH_SIZE.labels(name)
        self._name = name

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """Queue `item`; the future gives its result once it is durable."""
        if len(self._queue) >= self._max_queue:
            raise TooManyRequests("Too many writes are waiting", retry_after=1)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.append((item, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._drain(), name=f"batch-writer-{self._name}")
        return future

    async def close(self) -> None:
        """Wait until everything submitted is answered."""
        if self._task is not None and not self._task.done():
            await self._task

    async def _drain(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._max_batch))]
            self._sizes.observe(len(batch))
            await self._write(batch)

    async def _write(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._commit([item for item, _ in batch])
        except DependencyUnavailable as fault:
            for _, future in batch:
                if not future.done():
                    future.set_exception(DependencyUnavailable(fault.detail))
            return
        except Exception as fault:
            if len(batch) == 1:
                if not batch[0][1].done():
                    batch[0][1].set_exception(fault)
                return
            # One item must not fail its neighbours: find it by committing each alone.
            log.warning("batching.split", writer=self._name, size=len(batch), fault=repr(fault))
            for single in batch:
                await self._write([single])
            return
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
