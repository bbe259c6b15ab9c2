"""A resource as it was seen, and what a reconcile hands back about it. Pure data.

Made by `handlers`, given to `controllers`; the modules beside this one decide with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parlor_operator.conditions import READY, Condition, Holds, Status, find

NORMAL, WARNING = "Normal", "Warning"


@dataclass(frozen=True, slots=True)
class Resource:
    """A snapshot: what Kopf passes is a view that moves while we wait for answers."""

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    spec: Mapping[str, Any]
    status: Mapping[str, Any]

    @property
    def observed_generation(self) -> int:
        return int(self.status.get("observedGeneration") or 0)

    @property
    def settled(self) -> bool:
        """Whether this very spec was made true before: what differs now, somebody else changed."""
        ready = find(self.status, READY)
        true = ready is not None and ready.status is Holds.TRUE
        return true and self.observed_generation == self.generation


@dataclass(frozen=True, slots=True)
class Notice:
    """An event for the resource. Never carries a secret."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a reconcile. `retry` says why it has to be tried again soon."""

    status: Status | None = None
    notices: Sequence[Notice] = ()
    retry: str | None = None


def transition(before: Condition | None, after: Condition) -> tuple[Notice, ...]:
    """An event where Ready has another status or reason than before, and none where not."""
    if before is not None and (before.status, before.reason) == (after.status, after.reason):
        return ()
    kind = NORMAL if after.status is Holds.TRUE else WARNING
    return (Notice(kind, after.reason, after.message),)


def answered(
    resource: Resource, status: Status, notices: Sequence[Notice] = (), retry: str | None = None
) -> Outcome:
    """The outcome that a status makes, with an event where Ready took a turn."""
    said = transition(find(resource.status, READY), status.ready)
    return Outcome(status, (*notices, *said), retry)


def abandoned(said: str, command: str) -> Outcome:
    """The end of a deletion that nobody answered to: the resource goes, and this is left undone.

    A finalizer that waits for ever would block its namespace for ever.
    """
    how = f"make up for it with `python -m parlor_operator let-go {command}`"
    return Outcome(notices=(Notice(WARNING, "ReleaseAbandoned", f"{said}; {how}"),))
