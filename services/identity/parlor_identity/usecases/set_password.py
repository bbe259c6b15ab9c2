"""Passwords on their way into the database: judged, then hashed."""

from parlor_kit.errors import ValidationFailed

from parlor_identity import passwords
from parlor_identity.ports import PasswordHasher


async def hash_good_password(
    hasher: PasswordHasher,
    password: str,
    email: str,
    display_name: str,
    *,
    field: str = "password",
) -> str:
    """The hash of a password that the policy accepts; 422 with every reason when it does not."""
    faults = passwords.faults(password, email, display_name)
    if faults:
        raise ValidationFailed([(field, fault) for fault in faults])
    return await hasher.hash(password)
