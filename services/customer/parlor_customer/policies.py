"""Who may see and do what to one object, as named questions. Rights by role are in `routes.py`."""

from uuid import UUID

from parlor_kit.principal import Principal, Role

from parlor_customer.models import Invite

_OVERSEERS = frozenset({Role.MODERATOR, Role.ADMIN})


def sees_all_relationships_of(principal: Principal, customer_id: UUID) -> bool:
    """The customer itself, moderators and admins."""
    return principal.id == customer_id or principal.role in _OVERSEERS


def sees_own_relationships_with(principal: Principal) -> bool:
    """A distributor sees those that are its own, and no sign of any other."""
    return principal.role is Role.DISTRIBUTOR


def sees_entitlement_of(principal: Principal, first: UUID, second: UUID) -> bool:
    """One of the two, moderators and admins."""
    return principal.id in {first, second} or principal.role in _OVERSEERS


def owns_invite(principal: Principal, invite: Invite) -> bool:
    return invite.distributor_id == principal.id


def is_invited(email: str, invite: Invite) -> bool:
    """Whether the invite is for anybody, or for this e-mail."""
    return invite.email is None or invite.email == email.lower()
