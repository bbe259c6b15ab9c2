"""Views of the reports on erased accounts."""

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from parlor_kit.fields import Moment, View

from parlor_chat.export_models import ErasureState
from parlor_chat.usecases.read_erasure import ErasureReport


class KeeperView(View):
    """What keeps a conversation: a legal hold, one in its release grace, or an unclosed case."""

    kind: Literal["legal_hold", "release_grace", "case"]
    id: UUID
    matter: str | None = None


class KeptConversationView(View):
    """Messages of the account that are still there; participants do not see them any more.

    With 0 `messages`, what is kept is the title that it gave, why it reported somebody, what was
    written about its messages, or notices to it.
    """

    conversation_id: UUID
    messages: int
    kept_for: Sequence[KeeperView]
    checked_at: Moment


class ServiceReportView(View):
    """What another service said that it did."""

    service: str
    told_at: Moment
    details: Mapping[str, int]


class ErasureView(View):
    """How far the erasure of an account is.

    `exports_until`: until then, exports that were made before have copies. `kept` names the first
    200 conversations.
    """

    account_id: UUID
    state: ErasureState
    erased_at: Moment
    learned_at: Moment
    swept_at: Moment | None
    finished_at: Moment | None
    conversations: int
    messages_erased: int
    messages_kept: int
    exports_until: Moment | None
    kept: Sequence[KeptConversationView]
    services: Sequence[ServiceReportView]

    @classmethod
    def of(cls, report: ErasureReport) -> "ErasureView":
        return cls(
            **dict(report.row),
            kept=[
                KeptConversationView(
                    conversation_id=each.conversation_id,
                    messages=each.messages,
                    kept_for=[KeeperView.model_validate(keeper) for keeper in each.kept_for],
                    checked_at=each.checked_at,
                )
                for each in report.kept
            ],
            services=[
                ServiceReportView(service=each.service, told_at=each.told_at, details=each.details)
                for each in report.services
            ],
        )
