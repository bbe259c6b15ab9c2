"""Every refusal of Parlor is a type with a stable code and an HTTP status.

Services subclass `ParlorError` in their own `errors.py`; `parlor_kit.http` turns an instance into
problem+json and `parlor_kit.sockets` into an error frame. The message is for the caller: it never
carries SQL, a path, a secret or another person's data.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class ParlorError(Exception):
    """A refusal with a stable code. `extra` becomes further members of the problem document."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        detail: str | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = dict(extra or {})
        self.retry_after = retry_after


class MalformedRequest(ParlorError):
    status, code, title = 400, "malformed_request", "The request could not be read"


class Unauthenticated(ParlorError):
    status, code, title = 401, "unauthenticated", "A valid token is needed"


class Forbidden(ParlorError):
    status, code, title = 403, "forbidden", "You may not do this"


class NotFound(ParlorError):
    """Also the answer to a caller who may not know that the object exists."""

    status, code, title = 404, "not_found", "There is no such thing here"


class MethodNotAllowed(ParlorError):
    status, code, title = 405, "method_not_allowed", "This path does not take that method"


class IdempotencyKeyReused(ParlorError):
    status, code = 409, "idempotency_key_reused"
    title = "This Idempotency-Key was used with another request"


class PayloadTooLarge(ParlorError):
    status, code, title = 413, "payload_too_large", "The body is larger than 64 KiB"


class ValidationFailed(ParlorError):
    status, code, title = 422, "validation_failed", "The request breaks a rule"

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        errors = [{"field": field, "message": message} for field, message in violations]
        super().__init__(
            "; ".join(f"{field}: {message}" if field else message for field, message in violations),
            extra={"errors": errors},
        )


class TooManyRequests(ParlorError):
    status, code, title = 429, "too_many_requests", "Slow down and try again later"


class DependencyUnavailable(ParlorError):
    """A database, broker or service did not answer. Safe to retry; the work was not done."""

    status, code, title = 503, "dependency_unavailable", "A part of the platform is not answering"

    def __init__(self, detail: str | None = None, *, retry_after: int = 2) -> None:
        super().__init__(detail, retry_after=retry_after)
