"""The tables of the customer service: invites, relationships, and what it knows of accounts.

Written by the use cases alone. An invite never holds its token, only the token's hash. At most one
relationship of a distributor and a customer is active at a time: a partial unique index in the
migration keeps it so, whatever races.
"""

from datetime import datetime
from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class AccountStatus(StrEnum):
    """As identity's events spell it."""

    ACTIVE = "active"
    DISABLED = "disabled"


class InviteStatus(StrEnum):
    """What an invite is at a moment; computed when it is read, never stored."""

    ACTIVE = "active"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    REVOKED = "revoked"


class RelationshipStatus(StrEnum):
    ACTIVE = "active"
    ENDED = "ended"


class Account(Model):
    """A projection of identity's account; a row is replaced only by a later version of it."""

    id = fields.UUIDField(primary_key=True)
    email = fields.TextField()
    display_name = fields.TextField()
    role = fields.TextField()
    status = fields.TextField()
    version = fields.BigIntField()

    class Meta:
        table = "accounts"


class Invite(Model):
    """A distributor's offer, redeemable by whoever holds its token and fits its terms."""

    id = fields.UUIDField(primary_key=True)
    distributor_id = fields.UUIDField()
    token_hash = fields.BinaryField()
    email = fields.TextField(null=True)
    note = fields.TextField(null=True)
    max_uses = fields.IntField()
    uses = fields.IntField(default=0)
    expires_at = fields.DatetimeField()
    created_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "invites"
        indexes = (("distributor_id", "id"),)

    def status_at(self, moment: datetime) -> InviteStatus:
        """The first that holds: revoked, exhausted, expired, active."""
        if self.revoked_at is not None:
            return InviteStatus.REVOKED
        if self.uses >= self.max_uses:
            return InviteStatus.EXHAUSTED
        return InviteStatus.EXPIRED if self.expires_at <= moment else InviteStatus.ACTIVE


class Relationship(Model):
    """A customer of a distributor, from a redeemed invite until one of the two ends it."""

    id = fields.UUIDField(primary_key=True)
    distributor_id = fields.UUIDField()
    customer_id = fields.UUIDField()
    invite_id = fields.UUIDField()
    since = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.UUIDField(null=True)

    class Meta:
        table = "relationships"
        unique_together = (("invite_id", "customer_id"),)
        indexes = (("customer_id", "id"), ("distributor_id", "id"))

    @property
    def status(self) -> RelationshipStatus:
        return RelationshipStatus.ACTIVE if self.ended_at is None else RelationshipStatus.ENDED
