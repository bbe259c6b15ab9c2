"""The tables that vouch for the audit log: its signed heads, and the keys that signed evidence.

Used by `models.py` alone. Both are append-only. A head says that up to a position the log was this;
whoever keeps one, from the log of a process for example, can show later that nothing was cut.
"""

from typing import ClassVar

from tortoise import fields
from tortoise.models import Model


class AuditHead(Model):
    """A signed statement of how far the audit log went at a moment, and with which hash."""

    append_only: ClassVar[bool] = True

    number = fields.BigIntField(primary_key=True, generated=False)
    position = fields.BigIntField()
    sha256 = fields.TextField()
    signed_at = fields.DatetimeField()
    payload_sha256 = fields.TextField()
    envelope = fields.TextField()

    class Meta:
        table = "audit_heads"


class EvidenceKey(Model):
    """A public key that has signed evidence here; it stays readable when the next one follows."""

    append_only: ClassVar[bool] = True

    kid = fields.CharField(max_length=32, primary_key=True)
    public_key = fields.BinaryField()
    introduced_at = fields.DatetimeField()

    class Meta:
        table = "evidence_keys"
