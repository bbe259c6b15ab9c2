"""The loop of a LegalHold: find the hold in chat, plan, act, say.

Called by `handlers.legalhold` after a create, an update and a restart, and from time to time. It
must never release a hold whose resource does not say Released, whatever becomes of the resource.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from parlor_operator import metrics
from parlor_operator.controllers.turns import Turns
from parlor_operator.errors import Gone, Refused, Unavailable
from parlor_operator.ports import Hold, Holds
from parlor_operator.reconcile import legalhold as decide
from parlor_operator.reconcile.legalhold import LegalHoldSpec, Observed
from parlor_operator.reconcile.resource import Outcome, Resource, abandoned, answered

# Whoever ends a hold so often behind its resource's back has to be talked to.
_LONGEST_TRAIL = 100
_STATED_FOR_SECONDS = 600.0


class LegalHoldController:
    """Keeps chat's holds in step with resources."""

    def __init__(
        self, holds: Holds, *, patience: timedelta, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._holds = holds
        self._patience = patience
        self._clock = clock
        self._turns = Turns()
        self._stated: dict[str, tuple[int, float]] = {}

    async def reconcile(self, resource: Resource) -> Outcome:
        async with self._turns.take(resource.uid, resource.generation) as ours:
            with metrics.timed(decide.KIND, resource.uid) as timing:
                outcome = await self._reconcile(resource) if ours else Outcome()
                timing.says(outcome)
                return outcome

    async def finalize(self, resource: Resource, waited: timedelta) -> Outcome:
        """Tell chat that the resource is gone. An Active hold stays, a Released one is released."""
        spec, outcome = LegalHoldSpec.of(resource.spec), Outcome()
        async with self._turns.take(resource.uid, resource.generation):
            try:
                if spec.released:
                    await self._release(resource.uid, spec)
                else:
                    await self.let_go(resource.uid)
            except (Unavailable, Refused) as fault:
                if waited < self._patience:
                    return Outcome(retry=f"the deletion waits: {fault}")
                said = f"The hold for {spec.matter} stays, but is not marked as orphaned: {fault}"
                outcome = abandoned(said, f"legalhold {resource.uid}")
        self._turns.forget(resource.uid)
        self._stated.pop(resource.uid, None)
        metrics.forget(decide.KIND, resource.uid)
        return outcome

    async def let_go(self, uid: str) -> None:
        found = await self._observe(uid)
        if found.hold is not None:
            with suppress(Gone):
                await self._holds.orphan(found.key)

    async def _release(self, uid: str, spec: LegalHoldSpec) -> None:
        found = await self._observe(uid)
        if found.hold is not None:
            await self._holds.put(found.key, spec.wanted)

    async def _reconcile(self, resource: Resource) -> Outcome:
        hold: Hold | None = None
        try:
            observed = await self._observe(resource.uid, resource.generation)
            hold = observed.hold
            plan = decide.plan(resource, observed)
            if plan.put is not None:
                hold = await self._holds.put(observed.key, plan.put)
                self._stated[resource.uid] = (resource.generation, self._clock())
        except Refused as refusal:
            return answered(resource, decide.refused(resource, refusal, hold))
        except Unavailable as fault:
            return answered(resource, decide.unavailable(resource, fault), retry=str(fault))
        said = hold or observed.ended
        if said is None:
            raise RuntimeError("a plan left a resource without a hold")
        return answered(resource, decide.settled(resource, said), plan.notices)

    async def _observe(self, uid: str, generation: int = 0) -> Observed:
        """Follow the trail of holds that ended to the one that stands, or to where one may."""
        generation_stated, at = self._stated.get(uid, (0, float("-inf")))
        fresh = self._clock() - at < _STATED_FOR_SECONDS
        key, ended = UUID(uid), None
        for _ in range(_LONGEST_TRAIL):
            hold = await self._holds.find(key)
            if hold is None or decide.stands(hold):
                return Observed(key, hold, ended, stated=fresh and generation_stated == generation)
            ended, key = hold, decide.successor(uid, hold)
        raise Refused("chat", "hold_contested", f"{_LONGEST_TRAIL} holds were ended out of band")
