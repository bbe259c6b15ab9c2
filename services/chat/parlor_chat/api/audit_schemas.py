"""Queries and views of the audit log and of the keys that evidence is signed with."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from parlor_kit.fields import Moment, Query, Text, View
from parlor_kit.pages import Page, PageQuery
from pydantic import AwareDatetime, Field, field_validator, model_validator

from parlor_chat.api.retention_schemas import Matter, Reason
from parlor_chat.usecases.evidence_keys import KnownKey
from parlor_chat.usecases.read_audit import AuditFilter

_ACTION = r"^[a-z][a-z_]*(\.[a-z][a-z_]*)?$"


class AuditQuery(PageQuery):
    """What to look for. `action=hold` finds `hold.placed` and all else that happened to holds."""

    actor: Annotated[Text, Field(min_length=1, max_length=128)] | None = None
    action: Annotated[str, Field(max_length=100, pattern=_ACTION)] | None = None
    conversation_id: UUID | None = None
    hold_id: UUID | None = None
    user_id: UUID | None = None
    matter: Matter | None = None
    since: AwareDatetime | None = Field(None, alias="from")
    until: AwareDatetime | None = Field(None, alias="to")
    reason: Reason | None = None

    @field_validator("since", "until", mode="before")
    @classmethod
    def _written_out(cls, value: Any) -> Any:
        if isinstance(value, str) and "-" not in value[1:]:
            raise ValueError("must be an RFC 3339 time, for example 2026-11-24T00:00:00Z")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.until - self.since < timedelta(0):
            raise ValueError("from must not be later than to")
        return self

    @property
    def filter(self) -> AuditFilter:
        return AuditFilter(
            actor=self.actor,
            action=self.action,
            conversation_id=self.conversation_id,
            hold_id=self.hold_id,
            user_id=self.user_id,
            matter=self.matter,
            since=self.since,
            until=self.until,
        )


class AuditExportQuery(Query):
    """Why the whole log is taken out."""

    reason: Reason


class AuditRecordView(View):
    """A record in its place in the chain. `user_id` is whom it is about, `actor` who acted."""

    position: int
    at: Moment
    action: str
    actor: str
    role: str
    conversation_id: UUID | None
    hold_id: UUID | None
    run_id: UUID | None
    user_id: UUID | None
    matter: str | None
    reason: str | None
    details: Mapping[str, Any]
    request_id: str
    previous_sha256: str
    sha256: str


class AuditPage(Page[AuditRecordView]):
    """Records, newest first."""


class EvidenceKeyView(View):
    """A public key as RFC 8037 writes it, and since when it signs here."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    use: Literal["sig"]
    alg: Literal["EdDSA"]
    kid: str
    x: str
    introduced_at: Moment

    @classmethod
    def of(cls, known: KnownKey) -> "EvidenceKeyView":
        return cls.model_validate({**known.key.jwk, "introduced_at": known.introduced_at})


class EvidenceKeysView(View):
    """A JWK set; `parlor verify-audit --keys` takes it as it is."""

    keys: Sequence[EvidenceKeyView]
