"""Wraps route functions of the admin surface that only read, so that each look is recorded.

    @recorded("hold.viewed")
    async def read_hold(call: Call[ChatServices]) -> Answer: ...

The record is committed before the answer goes out; an answer that was refused shows nothing, and
leaves no record. What was asked for is in it: ids of the path, and the query. Ids that records are
searched by have columns of their own, whatever the route calls them.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeVar
from uuid import UUID

from parlor_kit.answers import Answer, StreamedAnswer
from parlor_kit.routing import Call

from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices

Given = TypeVar("Given", Answer, StreamedAnswer)
Function = Callable[[Call[ChatServices]], Awaitable[Given]]

_COLUMNS = {
    "conversation_id": "conversation_id",
    "hold_id": "hold_id",
    "run_id": "run_id",
    "account_id": "user_id",
    "custodian_id": "user_id",
    "subject_id": "user_id",
}
_APART = {"matter", "reason", "limit"}


def recorded(action: str) -> Callable[[Function[Given]], Function[Given]]:
    """A decorator that records `action` for each successful call."""

    def wrap(function: Function[Given]) -> Function[Given]:
        @wraps(function)
        async def answer(call: Call[ChatServices]) -> Given:
            given = await function(call)
            query = {} if call.query is None else call.query.model_dump()
            asked = {
                name: value
                for name, value in {**call.params, **query}.items()
                if value is not None and name not in _APART
            }
            ids = {
                column: asked.pop(name)
                for name, column in _COLUMNS.items()
                if isinstance(asked.get(name), UUID)
            }
            await call.app.record_view(
                action,
                Actor.user(call.user),
                ids=ids,
                matter=query.get("matter"),
                reason=query.get("reason"),
                details={name: str(value) for name, value in asked.items()},
            )
            return given

        return answer

    return wrap
