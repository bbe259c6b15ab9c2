"""The tables of the identity service: accounts, sessions, failed logins, signing keys.

Written by the use cases alone. No secret is here in readable form: passwords are argon2id hashes,
refresh tokens are SHA-256 hashes, private keys are sealed with the service's secret key, and the
addresses that logins come from are keyed digests.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class AccountStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class ManagedBy(StrEnum):
    """Who says what an account is: the API, or a Distributor resource through the operator."""

    API = "api"
    OPERATOR = "operator"


class SessionEnd(StrEnum):
    """Why a session ended before its time."""

    LOGGED_OUT = "logged_out"
    ENDED_BY_OWNER = "ended_by_owner"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, not a password
    ACCOUNT_DISABLED = "account_disabled"
    TOKEN_REUSED = "token_reused"  # noqa: S105 - a reason, not a token


class Account(Model):
    """Somebody who can log in. `version` counts the changes that events tell of.

    `suspended_for` is the moderators' case that disabled it, until an admin lifts that.
    """

    id = fields.UUIDField(primary_key=True)
    email = fields.CharField(max_length=254, unique=True)
    display_name = fields.TextField()
    role = fields.TextField()
    status = fields.TextField()
    managed_by = fields.TextField()
    resource_uid = fields.CharField(max_length=128, null=True, unique=True)
    password_hash = fields.TextField()
    password_changed_at = fields.DatetimeField()
    first_login_at = fields.DatetimeField(null=True)
    suspended_for = fields.UUIDField(null=True)
    erased_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()

    class Meta:
        table = "accounts"


class LoginSession(Model):
    """One login and what descends from it: a family of refresh tokens."""

    id = fields.UUIDField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "identity.Account", related_name="sessions"
    )
    user_agent = fields.TextField()
    address = fields.TextField()
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)
    ended_at = fields.DatetimeField(null=True)
    ended_for = fields.TextField(null=True)

    class Meta:
        table = "sessions"


class RefreshToken(Model):
    """A refresh token that was issued; used ones stay so that their reuse is recognised."""

    hash = fields.CharField(max_length=64, primary_key=True)
    session: fields.ForeignKeyRelation[LoginSession] = fields.ForeignKeyField(
        "identity.LoginSession", related_name="tokens", on_delete=fields.CASCADE
    )
    issued_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "refresh_tokens"


class LoginThrottle(Model):
    """Failed logins of an account, an address, or the two together; see `throttling`."""

    key = fields.CharField(max_length=64, primary_key=True)
    failures = fields.IntField()
    failed_at = fields.DatetimeField(db_index=True)
    blocked_until = fields.DatetimeField(null=True)

    class Meta:
        table = "login_throttles"


class KnownAddress(Model):
    """An address from which the owner of an account has logged in."""

    id = fields.BigIntField(primary_key=True, generated=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "identity.Account", related_name="addresses"
    )
    address = fields.CharField(max_length=64)
    last_seen_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "known_addresses"
        unique_together = (("account", "address"),)


class SigningKey(Model):
    """An EdDSA key. It is published from its first moment and signs from `signs_from` on."""

    kid = fields.CharField(max_length=64, primary_key=True)
    public_jwk = fields.TextField()
    private_sealed = fields.BinaryField()
    created_at = fields.DatetimeField()
    signs_from = fields.DatetimeField()

    class Meta:
        table = "signing_keys"
