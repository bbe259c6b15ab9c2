"""What one socket has asked for by `id`, so that a command that comes again is not done again.

The live route keeps one for each socket, for clients that count; it forgets with the socket. What
outlives a connection is a play's key (`live`): its `key`, or an `id` that is a UUID.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from parlor_kit.errors import IdempotencyKeyReused

_REMEMBERED = 128

Done = Mapping[str, Any]


class Repeats:
    """The last commands of a socket; those that were refused are forgotten at once."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[bytes, asyncio.Future[Done]]] = OrderedDict()

    async def once(self, message: Mapping[str, Any], work: Callable[[], Awaitable[Done]]) -> Done:
        """What `work` gives for this message, or gave when the same message came before.

        Raises:
            IdempotencyKeyReused: another message came with this `id` before.
        """
        reference = message.get("id")
        if reference is None:
            return await work()
        said = orjson.dumps(message, option=orjson.OPT_SORT_KEYS)
        known = self._known.get(reference)
        if known is None:
            known = said, asyncio.ensure_future(work())
            self._known[reference] = known
            known[1].add_done_callback(lambda done: self._settle(reference, done))
        if known[0] != said:
            raise IdempotencyKeyReused()
        return await asyncio.shield(known[1])

    def _settle(self, reference: str, done: asyncio.Future[Done]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._known.pop(reference, None)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
