"""What a route function of chat can reach: the use cases, composed in `bootstrap.py`.

Adding a use case to the HTTP side is one field here and one line there.
"""

from dataclasses import dataclass

from parlor_kit.hub import Hub
from parlor_kit.idempotency import Idempotency

from parlor_chat.usecases.change_message import ChangeMessage
from parlor_chat.usecases.close_case import CloseCase
from parlor_chat.usecases.create_conversation import CreateConversation
from parlor_chat.usecases.evidence_keys import EvidenceKeys
from parlor_chat.usecases.exports import Exports
from parlor_chat.usecases.give_notices import Notices
from parlor_chat.usecases.handle_case import AssignCase
from parlor_chat.usecases.read_audit import ReadAudit
from parlor_chat.usecases.read_erasure import ReadErasure
from parlor_chat.usecases.read_holds import ReadHolds
from parlor_chat.usecases.record_receipt import RecordReceipt
from parlor_chat.usecases.record_view import RecordView
from parlor_chat.usecases.release_hold import ReleaseHold
from parlor_chat.usecases.restore_hold import RestoreHold
from parlor_chat.usecases.retention_policies import RetentionPolicies
from parlor_chat.usecases.review_conversation import ReviewConversation
from parlor_chat.usecases.run_archive_expiry import RunArchiveExpiry
from parlor_chat.usecases.search_messages import SearchMessages
from parlor_chat.usecases.send_message import SendMessage
from parlor_chat.usecases.socket_access import SocketAccess
from parlor_chat.usecases.upsert_hold import OrphanHold, ReportHold, UpsertHold
from parlor_chat.usecases.view_cases import ViewCases
from parlor_chat.usecases.view_conversations import ViewConversations
from parlor_chat.usecases.view_expiry_runs import ExpiryRuns


@dataclass(frozen=True)
class ChatServices:
    """`call.app` of every route of chat."""

    hub: Hub
    idempotency: Idempotency
    # -- conversations and messages
    create_conversation: CreateConversation
    view_conversations: ViewConversations
    send_message: SendMessage
    change_message: ChangeMessage
    record_receipt: RecordReceipt
    socket_access: SocketAccess

    # -- reports, cases, search
    notices: Notices
    view_cases: ViewCases
    assign_case: AssignCase
    close_case: CloseCase
    search_messages: SearchMessages

    # -- moderation, holds, archive expiry
    review_conversation: ReviewConversation
    release_hold: ReleaseHold
    restore_hold: RestoreHold
    read_holds: ReadHolds
    upsert_hold: UpsertHold
    orphan_hold: OrphanHold
    report_hold: ReportHold
    run_archive_expiry: RunArchiveExpiry
    expiry_runs: ExpiryRuns
    retention_policies: RetentionPolicies

    # -- audit
    read_audit: ReadAudit
    evidence_keys: EvidenceKeys
    record_view: RecordView

    # -- exports, erased accounts
    exports: Exports
    read_erasure: ReadErasure
