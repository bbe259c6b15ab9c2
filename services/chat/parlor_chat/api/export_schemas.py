"""Bodies, queries and views of exports."""

from typing import Annotated, Self
from uuid import UUID

from parlor_kit.fields import Body, Moment, View
from parlor_kit.pages import Page
from pydantic import Field, model_validator

from parlor_chat.api.retention_schemas import Matter, Reason
from parlor_chat.export_models import ExportScope, ExportState
from parlor_chat.usecases.exports import ExportRow
from parlor_chat.usecases.request_export import ExportOrder


class NewExport(Body):
    """What to export, exactly one of three, and why."""

    matter: Matter | None = None
    custodian_id: UUID | None = None
    conversation_id: UUID | None = None
    reason: Reason

    @model_validator(mode="after")
    def _one(self) -> Self:
        named = (self.matter, self.custodian_id, self.conversation_id)
        if sum(each is not None for each in named) != 1:
            raise ValueError("must name one of matter, custodian_id and conversation_id")
        return self

    @property
    def order(self) -> ExportOrder:
        if self.matter is not None:
            return ExportOrder(ExportScope.MATTER, self.matter, self.reason)
        if self.custodian_id is not None:
            return ExportOrder(ExportScope.CUSTODIAN, str(self.custodian_id), self.reason)
        return ExportOrder(ExportScope.CONVERSATION, str(self.conversation_id), self.reason)


class ExportProgress(View):
    """How much has been read; `messages_total` is known when the building begins."""

    conversations_done: int
    conversations_total: int
    messages_done: int
    messages_total: int | None


class ExportView(View):
    """An export; size and hashes are known when it is ready, and stay when it is deleted."""

    id: UUID
    scope: ExportScope
    subject: str
    reason: str
    requested_by: UUID
    state: ExportState
    progress: ExportProgress
    requested_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    expires_at: Moment | None
    size_bytes: Annotated[int, Field(ge=0)] | None
    sha256: str | None
    manifest_sha256: str | None

    @classmethod
    def of(cls, export: ExportRow) -> "ExportView":
        return cls(
            id=export.id,
            scope=export.scope,
            subject=export.subject,
            reason=export.reason,
            requested_by=export.requested_by,
            state=export.state,
            progress=ExportProgress(
                conversations_done=export.conversations_done,
                conversations_total=export.conversations_total,
                messages_done=export.messages_done,
                messages_total=export.messages_total,
            ),
            requested_at=export.requested_at,
            started_at=export.started_at,
            finished_at=export.finished_at,
            expires_at=export.expires_at,
            size_bytes=export.size_bytes,
            sha256=export.sha256,
            manifest_sha256=export.manifest_sha256,
        )


class ExportPage(Page[ExportView]):
    """Exports, newest first."""
