"""What to do about a LegalHold. Pure: (spec, observed) -> plan, and (plan, result) -> status.

Chat keys a hold by a uid, and what it once released stays released. So where somebody released or
orphaned the hold behind the resource's back, the next hold gets a key that follows from the uid
and the hold that ended: any restart finds the same trail, and the audit trail keeps every hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from parlor_operator.conditions import READY, Condition, Holds, Status, find
from parlor_operator.errors import Refused, Unavailable
from parlor_operator.ports import Hold, WantedHold
from parlor_operator.reconcile.resource import WARNING, Notice, Resource

KIND = "LegalHold"
PLACED = "HoldPlaced"
_NAMED = 10


@dataclass(frozen=True, slots=True)
class LegalHoldSpec:
    matter: str
    reason: str
    conversation_ids: Sequence[str]
    custodian_ids: Sequence[str]
    released: bool

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "LegalHoldSpec":
        return cls(
            matter=spec["matter"],
            reason=spec["reason"],
            conversation_ids=tuple(spec.get("conversationIds") or ()),
            custodian_ids=tuple(spec.get("custodianIds") or ()),
            released=spec.get("state", "Active") == "Released",
        )

    @property
    def wanted(self) -> WantedHold:
        return WantedHold(
            self.matter, self.reason, self.conversation_ids, self.custodian_ids, self.released
        )


@dataclass(frozen=True, slots=True)
class Observed:
    """What chat has at present.

    `key` and `hold`: where the trail ends, and the hold that stands there, if one does. `ended`:
    the last hold on the trail that was released or orphaned. `stated`: chat was told of the spec
    of this generation a short while ago; its answers do not say what a hold covers, so it is told
    again from time to time.
    """

    key: UUID
    hold: Hold | None
    ended: Hold | None = None
    stated: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    put: WantedHold | None
    notices: Sequence[Notice] = ()


def successor(uid: str, ended: Hold) -> UUID:
    """The key of the hold that follows on one that ended."""
    return uuid5(UUID(uid), ended.id)


def stands(hold: Hold) -> bool:
    """Whether the hold is one that this resource still decides about."""
    return hold.active and not hold.orphaned


def plan(resource: Resource, observed: Observed) -> Plan:
    spec, hold, ended = LegalHoldSpec.of(resource.spec), observed.hold, observed.ended
    if spec.released:
        if hold is None and ended is not None:
            return Plan(None)
        return Plan(spec.wanted)
    if hold is not None:
        return Plan(None if observed.stated else spec.wanted)
    if ended is not None:
        how = f"was released by {ended.released_by}" if not ended.active else "was orphaned"
        said = f"Hold {ended.id} {how}, not by this resource: placed another one"
        return Plan(spec.wanted, (Notice(WARNING, "DriftRepaired", said),))
    known = resource.status.get("holdId")
    if known:
        said = f"Chat had no hold {known} any more: placed another one"
        return Plan(spec.wanted, (Notice(WARNING, "HoldLost", said),))
    return Plan(spec.wanted)


def settled(resource: Resource, hold: Hold) -> Status:
    """The status of a resource about which chat has been told."""
    fields = {
        "holdId": hold.id,
        "heldConversations": hold.conversations,
        "heldMessages": hold.messages,
        "missingConversationIds": list(hold.missing) or None,
    }
    if not hold.active:
        said = f"The hold was released by {hold.released_by}"
        if hold.protects_until is not None:
            said += f"; what it kept stays until {hold.protects_until}"
        conditions = (
            Condition(READY, Holds.TRUE, "Released", said),
            Condition(PLACED, Holds.FALSE, "Released", said),
        )
        return Status(conditions, fields | {"missingConversationIds": None})
    placed = Condition(PLACED, Holds.TRUE, "Placed", f"Hold {hold.id}")
    if hold.orphaned:
        said = "Somebody told chat that this resource is gone: an admin has to release the hold"
        ready = Condition(READY, Holds.FALSE, "Orphaned", said)
    elif hold.missing:
        said = f"Chat does not have {_listed(hold.missing)}; everything else is held"
        ready = Condition(READY, Holds.FALSE, "PartiallyPlaced", said)
    else:
        ready = Condition(READY, Holds.TRUE, "Held", "Everything named is held")
    return Status((ready, placed), fields)


def refused(resource: Resource, refusal: Refused, hold: Hold | None) -> Status:
    said = f"Chat refused: {refusal.detail} ({refusal.code})"
    if hold is None:
        placed = Condition(PLACED, Holds.FALSE, "Rejected", said)
    else:
        placed = Condition(PLACED, Holds.TRUE, "Placed", f"Hold {hold.id}")
    return Status((Condition(READY, Holds.FALSE, "Rejected", said), placed))


def unavailable(resource: Resource, fault: Unavailable) -> Status:
    """The status while it cannot be told how things are. What was known stays said."""
    reason = f"{fault.part.capitalize()}Unavailable"
    placed = find(resource.status, PLACED) or Condition(PLACED, Holds.UNKNOWN, reason, fault.detail)
    return Status((Condition(READY, Holds.UNKNOWN, reason, fault.detail), placed))


def _listed(ids: Sequence[str]) -> str:
    named = ", ".join(ids[:_NAMED])
    more = len(ids) - _NAMED
    return f"{named} and {more} more" if more > 0 else named
