"""Bodies, queries and views of legal holds as moderators and admins place and look them up."""

from collections.abc import Sequence
from typing import Annotated, Self
from uuid import UUID

from parlor_kit.fields import Body, Moment, Query, View
from parlor_kit.pages import Page, PageQuery
from pydantic import Field, model_validator

from parlor_chat.api.retention_schemas import MAX_LISTED, Matter, Reason
from parlor_chat.retention_models import HoldSource
from parlor_chat.usecases.legal_holds import HoldState, LegalHold
from parlor_chat.usecases.read_holds import HoldFilter, HoldScope


class NewMatterHold(Body):
    """What a matter needs kept: conversations, and people with all that they take part in."""

    matter: Matter
    reason: Reason
    conversation_ids: Annotated[list[UUID], Field(max_length=MAX_LISTED)] = Field(
        default_factory=list
    )
    custodian_ids: Annotated[list[UUID], Field(max_length=MAX_LISTED)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.conversation_ids and not self.custodian_ids:
            raise ValueError("must name a conversation or a custodian")
        return self


class HoldsQuery(PageQuery):
    """What to look for; `matter` may be a part of it, in any case of letters."""

    matter: Matter | None = None
    state: HoldState | None = None
    source: HoldSource | None = None
    conversation_id: UUID | None = None
    custodian_id: UUID | None = None
    reason: Reason | None = None

    @property
    def filter(self) -> HoldFilter:
        return HoldFilter(
            matter=self.matter,
            state=self.state,
            source=self.source,
            conversation_id=self.conversation_id,
            custodian_id=self.custodian_id,
        )


class WhyQuery(Query):
    """Why somebody looks at a hold or into a case, or releases a hold."""

    reason: Reason | None = None


class Restoration(Body):
    """Why a released hold has to stand again."""

    reason: Reason


class MatterHoldView(View):
    """A hold. A released one protects until `protects_until`, and can be restored so long."""

    id: UUID
    matter: str
    reason: str
    source: HoldSource
    resource_uid: UUID | None
    state: HoldState
    placed_by: str
    placed_at: Moment
    released_at: Moment | None
    released_by: str | None
    protects_until: Moment | None
    orphaned_at: Moment | None

    @classmethod
    def of(cls, hold: LegalHold) -> "MatterHoldView":
        return cls.model_validate({name: getattr(hold, name) for name in cls.model_fields})


class HoldPage(Page[MatterHoldView]):
    """Holds, those placed last first."""


class KeptView(View):
    """What a hold keeps at present, whatever other holds keep of it as well."""

    conversations: int
    messages: int
    bytes: int
    oldest: Moment | None
    newest: Moment | None


class HoldDetailView(View):
    """A hold with everything that it names; custodians' conversations count as they are now."""

    hold: MatterHoldView
    conversation_ids: Sequence[UUID]
    custodian_ids: Sequence[UUID]
    missing_conversation_ids: Sequence[UUID]
    keeps: KeptView

    @classmethod
    def of(cls, scope: HoldScope) -> "HoldDetailView":
        covered = scope.covered
        return cls(
            hold=MatterHoldView.of(scope.hold),
            conversation_ids=scope.conversation_ids,
            custodian_ids=scope.custodian_ids,
            missing_conversation_ids=covered.missing,
            keeps=KeptView(
                conversations=covered.conversations,
                messages=covered.messages,
                bytes=covered.size,
                oldest=covered.oldest,
                newest=covered.newest,
            ),
        )
