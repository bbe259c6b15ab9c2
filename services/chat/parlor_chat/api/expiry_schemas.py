"""Queries and views of what runs of archive expiry decided, and of retention policies."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, Self
from uuid import UUID

from parlor_kit.fields import Body, Moment, Query, View
from parlor_kit.pages import Page, PageQuery
from pydantic import field_serializer, model_validator

from parlor_chat.api.retention_schemas import Period, Reason
from parlor_chat.usecases.retention_policies import PolicyOrder, PolicyScope, RetentionPolicy
from parlor_chat.usecases.view_expiry_runs import DecisionFilter, KeptBy

Action = Literal["archived", "expired", "held"]


class DecisionQuery(PageQuery):
    """Which decisions of a run to list."""

    action: Action | None = None
    conversation_id: UUID | None = None

    @property
    def filter(self) -> DecisionFilter:
        return DecisionFilter(self.action, self.conversation_id)


class DecisionView(View):
    """What became of a message, or would have; or, by conversation, what was held.

    `message_id`, `seq` and `sent_at` are of a message that was archived or has expired. The others
    are of what was held: `holds` are the holds and cases that kept so many `messages`.
    """

    action: Action
    conversation_id: UUID
    message_id: UUID | None = None
    seq: int | None = None
    sent_at: str | None = None
    holds: Sequence[UUID] = ()
    messages: int | None = None
    first_seq: int | None = None
    last_seq: int | None = None
    oldest: str | None = None
    newest: str | None = None

    @classmethod
    def of(cls, decision: Mapping[str, Any]) -> "DecisionView":
        return cls(**decision)


class DecisionPage(Page[DecisionView]):
    """Decisions in the order of the manifest; a page may be short though more follows."""


class KeptView(View):
    """A hold, or a case that is not closed, and what it kept of what would have gone."""

    id: UUID
    kind: Literal["hold", "case"]
    matter: str | None
    released_at: Moment | None
    conversations: int
    messages: int
    oldest: Moment
    newest: Moment

    @classmethod
    def of(cls, kept: KeptBy) -> "KeptView":
        return cls(**{name: getattr(kept, name) for name in cls.model_fields})


class KeptPage(Page[KeptView]):
    """What kept something from a run. Messages under two holds count for both."""


class NewRetentionPolicy(Body):
    """How long to keep messages: of a distributor's people, of a conversation, or of everybody."""

    archive_after: Period
    expire_after: Period
    reason: Reason
    distributor_id: UUID | None = None
    conversation_id: UUID | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.distributor_id is not None and self.conversation_id is not None:
            raise ValueError("a policy is for a distributor or for a conversation, not for both")
        if not timedelta(0) < self.archive_after <= self.expire_after:
            raise ValueError("archive_after must be positive and not longer than expire_after")
        return self

    @property
    def order(self) -> PolicyOrder:
        return PolicyOrder(
            self.archive_after,
            self.expire_after,
            self.reason,
            self.distributor_id,
            self.conversation_id,
        )


class RetentionPolicyView(View):
    """A policy; the narrowest one decides: conversation, then distributor, then global."""

    id: UUID
    scope: PolicyScope
    distributor_id: UUID | None
    conversation_id: UUID | None
    archive_after: timedelta
    expire_after: timedelta
    reason: str
    set_by: str
    set_at: Moment

    @field_serializer("archive_after", "expire_after", when_used="json")
    def _iso(self, period: timedelta) -> str:
        rest = period.seconds
        return f"P{period.days}D" + (f"T{rest}S" if rest else "")

    @classmethod
    def of(cls, policy: RetentionPolicy) -> "RetentionPolicyView":
        return cls(**{name: getattr(policy, name) for name in cls.model_fields})


class RetentionPolicyPage(Page[RetentionPolicyView]):
    """Policies in the order of their making."""


class PolicyDeletion(Query):
    """Why a policy goes."""

    reason: Reason
