"""Conditions of a status, as KEP-1623 has them. Pure: the clock and the old list are arguments.

Called by `reconcile`, which says what holds, and by `handlers`, which writes it. Rules kept here:
a condition is set to False rather than removed, `lastTransitionTime` moves only when `status`
does, and conditions of other writers stay as they are.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

READY = "Ready"
LONGEST_MESSAGE = 1024


class Holds(StrEnum):
    """Whether a condition holds; Unknown where it cannot be told at present."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    type: str
    status: Holds
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Status:
    """What is to stand in the status of a resource. A field that is None is removed."""

    conditions: Sequence[Condition]
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ready(self) -> Condition:
        return next(each for each in self.conditions if each.type == READY)


def find(status: Mapping[str, Any], kind: str) -> Condition | None:
    """The condition of that type in a status as Kubernetes gives it."""
    for each in status.get("conditions") or ():
        if each.get("type") == kind and each.get("status") in tuple(Holds):
            return Condition(
                kind, Holds(each["status"]), each.get("reason", ""), each.get("message", "")
            )
    return None


def merged(
    present: Iterable[Mapping[str, Any]],
    wanted: Sequence[Condition],
    generation: int,
    at: datetime,
) -> list[dict[str, Any]]:
    """The list to write: present ones in their order, changed where wanted, then new ones."""
    left = {each.type: each for each in wanted}
    result = []
    for old in present:
        condition = left.pop(old.get("type", ""), None)
        result.append(dict(old) if condition is None else _written(condition, old, generation, at))
    return [*result, *(_written(each, {}, generation, at) for each in left.values())]


def write(status: MutableMapping[str, Any], wanted: Status, generation: int, at: datetime) -> None:
    """Bring `status` to what is wanted, in place; one of a later generation is left alone.

    Writing the same again changes nothing, so that no patch is sent.
    """
    if int(status.get("observedGeneration") or 0) > generation:
        return
    for name, value in wanted.fields.items():
        if value is None:
            status.pop(name, None)
        elif status.get(name) != value:
            status[name] = value
    status["observedGeneration"] = generation
    status["conditions"] = merged(status.get("conditions") or (), wanted.conditions, generation, at)


def _written(
    condition: Condition, old: Mapping[str, Any], generation: int, at: datetime
) -> dict[str, Any]:
    flipped = old.get("status") != condition.status or not old.get("lastTransitionTime")
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": condition.type,
        "status": str(condition.status),
        "reason": condition.reason,
        "message": shortened(condition.message),
        "lastTransitionTime": moment if flipped else old["lastTransitionTime"],
        "observedGeneration": generation,
    }


def shortened(message: str) -> str:
    if len(message) <= LONGEST_MESSAGE:
        return message
    return message[: LONGEST_MESSAGE - 1] + "…"
