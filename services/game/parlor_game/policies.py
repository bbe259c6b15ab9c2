"""Who may do what with one invite or game. Outsiders get 404: they may not know it exists."""

from collections.abc import Sequence
from uuid import UUID

from parlor_kit.principal import Principal, Role

from parlor_game.table_options import TableOptions


def may_see_invite(user_id: UUID, inviter_id: UUID, invitee_ids: Sequence[UUID]) -> bool:
    return user_id == inviter_id or user_id in invitee_ids


def may_answer_invite(user_id: UUID, invitee_ids: Sequence[UUID]) -> bool:
    return user_id in invitee_ids


def may_withdraw_invite(user_id: UUID, inviter_id: UUID) -> bool:
    return user_id == inviter_id


def may_say_inviters_seed(user_id: UUID, inviter_id: UUID) -> bool:
    """Everybody else says theirs when they accept."""
    return user_id == inviter_id


def may_see_game(user_id: UUID, player_ids: Sequence[UUID]) -> bool:
    """Players alone, whatever their role: not even a moderator sees hands."""
    return user_id in player_ids


def may_be_watched(agreed: TableOptions) -> bool:
    """Whether the players of a game have agreed to spectators, all of them, when they accepted."""
    return agreed.spectators


def owns_leaderboard(principal: Principal, distributor_id: UUID) -> bool:
    """The distributor whose circle it is."""
    return principal.role is Role.DISTRIBUTOR and principal.id == distributor_id


def may_belong_to_leaderboard(principal: Principal) -> bool:
    """Customers do, where the customer service says so; nobody else, not even an admin."""
    return principal.role is Role.CUSTOMER
