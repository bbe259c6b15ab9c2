"""Notices a watch that has gone silent, which no other probe would.

Kopf opens a watch anew after a while without bookmarks; should one stay dead all the same, this
compares what the API server lists with what the watch has brought. A change that the watch has
missed for too long makes /livez fail, and the kubelet starts the operator again. An API server
that does not answer proves nothing and changes nothing: a restart would not help. One that does not
know a kind any more counts as a watch that misses something: whoever defines the kind again makes
other resources, and Kopf looked for what it watches when it started.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from parlor_kit import logs

from parlor_operator.errors import Gone, Refused, Unavailable
from parlor_operator.metrics import WATCH_BEHIND

log = logs.get("watchdog")
_CHECKS_A_LIMIT = 6
_THE_KIND = "the kind itself"  # among uids


class Versions(Protocol):
    async def versions(self, plural: str, namespace: str | None) -> dict[str, str]: ...


class Watchdog:
    """Hears of each event of the watches; `behind` says for how long the worst one is silent."""

    def __init__(
        self,
        cluster: Versions,
        plurals: Sequence[str],
        namespaces: Sequence[str],
        limit: timedelta,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._plurals = plurals
        self._namespaces: Sequence[str | None] = namespaces or (None,)
        self._limit = limit.total_seconds()
        self._clock = clock
        self._seen: dict[str, dict[str, str]] = {plural: {} for plural in plurals}
        self._missed: dict[str, dict[str, float]] = {plural: {} for plural in plurals}
        self._behind = dict.fromkeys(plurals, 0.0)
        self._task: asyncio.Task[None] | None = None

    def saw(self, plural: str, uid: str, version: str, *, gone: bool = False) -> None:
        """The watch brought this version of a resource."""
        if gone:
            self._seen[plural].pop(uid, None)
        else:
            self._seen[plural][uid] = version

    @property
    def dead(self) -> list[str]:
        """The kinds whose watch misses something for longer than may be."""
        return [plural for plural, behind in self._behind.items() if behind >= self._limit]

    @property
    def trouble(self) -> str | None:
        """Why the operator has to be started anew; None where it need not be."""
        if self._task is not None and self._task.done():
            return "nobody looks after the watches"
        return f"the watch of {', '.join(self.dead)} is dead" if self.dead else None

    def start(self, ready: asyncio.Event) -> None:
        """Look after the watches from when they are there: before, a restart would not help."""
        self._task = asyncio.create_task(self._run(ready), name="watchdog")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, ready: asyncio.Event) -> None:
        await ready.wait()
        while True:
            await asyncio.sleep(self._limit / _CHECKS_A_LIMIT)
            for plural in self._plurals:
                try:
                    await self.check(plural)
                except (Unavailable, Refused) as fault:
                    log.warning("watchdog.cannot_tell", kind=plural, fault=str(fault))
                except Exception:  # whatever it is, somebody has to go on looking
                    log.exception("watchdog.fault", kind=plural)

    async def check(self, plural: str) -> None:
        now, before = self._clock(), self._missed[plural]
        missed = {uid: before.get(uid, now) for uid in await self._missed_now(plural)}
        self._missed[plural] = missed
        behind = max((now - since for since in missed.values()), default=0.0)
        self._behind[plural] = behind
        WATCH_BEHIND.labels(plural).set(behind)
        if behind >= self._limit:
            log.error("watchdog.watch_is_dead", kind=plural, seconds=round(behind))

    async def _missed_now(self, plural: str) -> set[str]:
        listed: dict[str, str] = {}
        try:
            for namespace in self._namespaces:
                listed |= await self._cluster.versions(plural, namespace)
        except Gone:
            return {_THE_KIND}
        return self._missing(plural, listed)

    def _missing(self, plural: str, listed: Mapping[str, str]) -> set[str]:
        """Resources that are there in a later version than the watch brought, or are not there."""
        seen = self._seen[plural]
        late = {uid for uid, version in listed.items() if _older(seen.get(uid), version)}
        return late | (seen.keys() - listed.keys())


def _older(seen: str | None, listed: str) -> bool:
    """Versions grow with time (KEP-5504); what is no number is only ever the same or another."""
    if seen is None:
        return True
    if seen.isdecimal() and listed.isdecimal():
        return int(seen) < int(listed)
    return seen != listed
