"""The holds of LegalHold resources: internal routes for the operator, keyed by the resource's uid.

Every one may be repeated. The uid names the resource; who calls is what the credential says.
"""

from uuid import UUID

from parlor_kit.answers import Answer
from parlor_kit.ids import parse_id
from parlor_kit.routing import Call

from parlor_chat.api.retention_schemas import HoldReportView
from parlor_chat.retention_errors import HoldNotFound
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.upsert_hold import HoldOrder


async def upsert_legal_hold(call: Call[ChatServices]) -> Answer:
    """Make the hold of a LegalHold resource what the resource says."""
    resource_uid, body = _resource_uid(call), call.body
    order = HoldOrder(
        matter=body.matter,
        reason=body.reason,
        conversation_ids=body.conversation_ids,
        custodian_ids=body.custodian_ids,
        released=body.state == "Released",
    )
    report = await call.app.upsert_hold(Actor.service(call.service), resource_uid, order)
    return Answer(201 if report.placed else 200, HoldReportView.of(report, resource_uid))


async def read_legal_hold(call: Call[ChatServices]) -> Answer:
    """Say how the hold of a LegalHold resource stands."""
    resource_uid = _resource_uid(call)
    report = await call.app.report_hold(resource_uid)
    return Answer(200, HoldReportView.of(report, resource_uid))


async def orphan_legal_hold(call: Call[ChatServices]) -> Answer:
    """Mark the hold of a deleted LegalHold resource; it stays until an admin releases it."""
    resource_uid = _resource_uid(call)
    report = await call.app.orphan_hold(Actor.service(call.service), resource_uid)
    return Answer(200, HoldReportView.of(report, resource_uid))


def _resource_uid(call: Call[ChatServices]) -> UUID:
    resource_uid = parse_id(call.params["resource_uid"])
    if resource_uid is None:
        raise HoldNotFound()
    return resource_uid
