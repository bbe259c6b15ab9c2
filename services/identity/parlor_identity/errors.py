"""The refusals that only identity gives. Their codes are part of the public contract."""

from parlor_kit.errors import ParlorError


class InvalidCredentials(ParlorError):
    """Unknown e-mail, wrong password and disabled account alike: the caller learns nothing."""

    status, code, title = 401, "invalid_credentials", "E-mail and password do not match"


class TooManyAttempts(ParlorError):
    status, code, title = 429, "too_many_attempts", "Too many failed logins: wait and try again"


class TokenReused(ParlorError):
    status, code = 401, "token_reused"
    title = "This refresh token was used before: the session has been ended"


class EmailTaken(ParlorError):
    status, code, title = 409, "email_taken", "Another account has this e-mail address"


class ManagedByOperator(ParlorError):
    status, code = 409, "managed_by_operator"
    title = "A Distributor resource manages this account: change the resource"


class ConfirmationNeeded(ParlorError):
    """A token may be stolen; what cannot be undone takes the password, or a login just now."""

    status, code = 403, "confirmation_needed"
    title = "Give your password, or log in again first"


class LastAdmin(ParlorError):
    status, code, title = 409, "last_admin", "The last admin cannot leave: make another one first"


class AccountErased(ParlorError):
    status, code, title = 409, "account_erased", "This account has been erased by its owner"


class OwnAccount(ParlorError):
    status, code, title = 409, "own_account", "An admin cannot disable their own account"


class Overloaded(ParlorError):
    """More passwords wait to be hashed than could be within a reasonable time."""

    status, code, title = 503, "overloaded", "Too many logins at once: try again in a moment"

    def __init__(self) -> None:
        super().__init__(retry_after=1)
