"""Who may reconcile what at one moment. Used by the controllers.

Kopf may call for one resource from a change and from its timer at the same time. Here they take
turns; a call with an older generation than one that had its turn is dropped, since it would undo
what the newer one did. And no more than a few resources are worked on at once, so that a restart
with a thousand of them is no flood for identity and chat.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

AT_ONCE = 8


@dataclass
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    generation: int = 0


class Turns:
    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._limit = asyncio.Semaphore(at_once)
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def take(self, uid: str, generation: int) -> AsyncIterator[bool]:
        """Wait for the turn; False where a later generation has had its own."""
        turn = self._turns.setdefault(uid, _Turn())
        async with turn.lock, self._limit:
            if generation < turn.generation:
                yield False
                return
            turn.generation = generation
            yield True

    def forget(self, uid: str) -> None:
        """The resource is gone. Whoever still waits for its turn is dropped: it has no say now."""
        turn = self._turns.pop(uid, None)
        if turn is not None:
            turn.generation = sys.maxsize
