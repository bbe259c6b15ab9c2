"""The audit log, for admins: searched, and exported for `parlor verify-audit`; the public keys."""

from parlor_kit.answers import Answer, StreamedAnswer
from parlor_kit.pages import encode_cursor, number_in
from parlor_kit.routing import Call

from parlor_chat.api.audit_schemas import (
    AuditPage,
    AuditRecordView,
    EvidenceKeysView,
    EvidenceKeyView,
)
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices


async def search_audit_log(call: Call[ChatServices]) -> Answer:
    """Search the audit log, newest first; each search is recorded."""
    query = call.query
    found = await call.app.read_audit.page(
        Actor.user(call.user),
        query.filter,
        reason=query.reason,
        before=number_in(query.cursor),
        limit=query.limit + 1,
    )
    items = [AuditRecordView(**record) for record in found[: query.limit]]
    more = encode_cursor(items[-1].position) if len(found) > query.limit else None
    return Answer(200, AuditPage(items=items, next_cursor=more))


async def export_audit_log(call: Call[ChatServices]) -> StreamedAnswer:
    """Download the whole audit log with its signed heads, for `parlor verify-audit`."""
    parts = await call.app.read_audit.export(Actor.user(call.user), call.query.reason)
    headers = {"content-disposition": 'attachment; filename="audit.ndjson"'}
    return StreamedAnswer("application/x-ndjson", parts, headers)


async def list_evidence_keys(call: Call[ChatServices]) -> Answer:
    """List the public keys that evidence is or was signed with, as a JWK set."""
    keys = await call.app.evidence_keys.all()
    return Answer(200, EvidenceKeysView(keys=[EvidenceKeyView.of(known) for known in keys]))
