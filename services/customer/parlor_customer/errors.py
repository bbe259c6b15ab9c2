"""Refusals of the customer service, each with a stable code. See `parlor_kit.errors`."""

from parlor_kit.errors import ParlorError


class InviteNotFound(ParlorError):
    """Also the answer to a token that was never one of ours."""

    status, code, title = 404, "invite_not_found", "There is no such invite"


class InviteExpired(ParlorError):
    status, code, title = 410, "invite_expired", "This invite has expired"


class InviteRevoked(ParlorError):
    status, code, title = 410, "invite_revoked", "This invite was taken back"


class InviteExhausted(ParlorError):
    status, code, title = 409, "invite_exhausted", "This invite was used as often as it may be"


class InviteNotForYou(ParlorError):
    status, code, title = 403, "invite_not_for_you", "This invite was made for another e-mail"


class AccountDisabled(ParlorError):
    """The caller's own account; a token may outlive its account by some minutes."""

    status, code, title = 403, "account_disabled", "This account is disabled"


class DistributorDisabled(ParlorError):
    """The one who made the invite."""

    status, code = 409, "distributor_disabled"
    title = "The distributor of this invite is not active"
