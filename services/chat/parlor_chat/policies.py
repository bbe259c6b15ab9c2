"""Named questions about who may do what in a conversation. Pure: facts come as arguments."""

from collections.abc import Iterable, Set
from itertools import combinations
from uuid import UUID

from parlor_kit.errors import ParlorError
from parlor_kit.principal import Role

from parlor_chat.case_errors import (
    AssignmentForbidden,
    EditWindowOver,
    MessageDeleted,
    NotReportable,
    NotTheSender,
)
from parlor_chat.errors import NotEntitled
from parlor_chat.export_models import ExportScope
from parlor_chat.ports import Entitlement, Pair


def pairs_among(participants: Iterable[UUID]) -> list[Pair]:
    """Every pair that a conversation of these people joins."""
    return list(combinations(sorted(participants), 2))


def may_converse(entitlements: Iterable[Entitlement], disabled: Set[UUID]) -> bool:
    """Whether all pairs are entitled, by what customer says and by accounts we know are disabled.

    Customer may learn of a disabled account after us; so an account that we know of counts, as
    does a distributor on whom an entitlement rests.
    """
    return all(
        entitlement.entitled and not disabled & {*entitlement.pair, entitlement.distributor_id}
        for entitlement in entitlements
    )


def refuses_edit(
    *, by_sender: bool, deleted: bool, in_time: bool, conversation_open: bool
) -> ParlorError | None:
    """Why a participant may not edit a message. An edit says something, so it is as a send is."""
    if not by_sender:
        return NotTheSender()
    if deleted:
        return MessageDeleted()
    if not conversation_open:
        return NotEntitled()
    return None if in_time else EditWindowOver()


def refuses_deletion(*, by_sender: bool, deleted: bool, in_time: bool) -> ParlorError | None:
    """Why a participant may not delete a message; what is deleted already needs no more."""
    if not by_sender:
        return NotTheSender()
    return None if deleted or in_time else EditWindowOver()


def refuses_report(*, sender_id: UUID | None, reporter_id: UUID) -> ParlorError | None:
    """Why a participant may not report a message: it is their own, or nobody's."""
    return NotReportable() if sender_id is None or sender_id == reporter_id else None


def refuses_assignment(
    *, actor_id: UUID, role: str, assignee_id: UUID | None
) -> ParlorError | None:
    """Why somebody may not give a case to somebody."""
    if role == Role.ADMIN or assignee_id in (None, actor_id):
        return None
    return AssignmentForbidden()


def may_export(role: Role, scope: ExportScope) -> bool:
    """A moderator exports what they may review; whole matters and whole people are an admin's."""
    return role is Role.ADMIN or (role is Role.MODERATOR and scope is ExportScope.CONVERSATION)


def sees_every_export(role: Role) -> bool:
    """Others see, and download, those that they asked for themselves."""
    return role is Role.ADMIN
