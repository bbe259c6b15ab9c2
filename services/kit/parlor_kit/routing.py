"""Routes as rows of a table: method, path, function, policy, models. Deny by default.

`routes.py` of a service lists its rows; `parlor_kit.http` mounts them and `parlor_kit.openapi`
documents them, so what is served, what is guarded and what is documented cannot differ. A row
without a policy cannot be written.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sanic import Request

from parlor_kit.answers import Answer, StreamedAnswer
from parlor_kit.errors import Forbidden, NotFound, ParlorError, Unauthenticated
from parlor_kit.idempotency import IdempotencyKey
from parlor_kit.principal import Principal, Role, ServiceCaller

App = TypeVar("App")


@dataclass(slots=True)
class Call(Generic[App]):
    """One request after its policy: who calls, and what they sent, validated.

    `app` holds the service's use cases. `params` are the path parameters: UUID where the name ends
    in `_id`, text otherwise. `body` and `query` are instances of the route's models.
    """

    app: App
    request: Request
    params: Mapping[str, Any]
    body: Any = None
    query: Any = None
    principal: Principal | None = None
    caller: ServiceCaller | None = None
    idempotency_key: IdempotencyKey | None = None

    @property
    def user(self) -> Principal:
        """The authenticated user; the route's policy has made sure that there is one."""
        if self.principal is None:
            raise Unauthenticated()
        return self.principal

    @property
    def service(self) -> ServiceCaller:
        """The authenticated calling service, on internal routes."""
        if self.caller is None:
            raise Unauthenticated()
        return self.caller

    def id(self, name: str) -> UUID:
        """The path parameter `name`, which ends in `_id`."""
        value = self.params[name]
        if not isinstance(value, UUID):
            raise NotFound()
        return value


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call a route at all. Questions about one object are the service's `policies.py`."""

    name: str
    allows: Callable[[Principal | None, ServiceCaller | None], ParlorError | None]
    needs_user: bool = False
    needs_service: bool = False


def _anyone(_: Principal | None, __: ServiceCaller | None) -> ParlorError | None:
    return None


def _user(principal: Principal | None, _: ServiceCaller | None) -> ParlorError | None:
    return None if principal else Unauthenticated()


def _service(_: Principal | None, caller: ServiceCaller | None) -> ParlorError | None:
    return None if caller else Unauthenticated()


ANYONE = Policy("anyone", _anyone)
SIGNED_IN = Policy("signed in", _user, needs_user=True)
TRUSTED_SERVICE = Policy("trusted service", _service, needs_service=True)


def only(*roles: Role, hidden: bool = False) -> Policy:
    """Users with one of `roles`; others get 403, or 404 where the route is `hidden` from them."""

    def allows(principal: Principal | None, _: ServiceCaller | None) -> ParlorError | None:
        if principal is None:
            return Unauthenticated()
        if principal.role in roles:
            return None
        return NotFound() if hidden else Forbidden()

    return Policy(" or ".join(roles), allows, needs_user=True)


Function = Callable[[Call[Any]], Awaitable[Answer | StreamedAnswer]]


@dataclass(frozen=True, slots=True)
class Route:
    """A row of a route table.

    `answers` maps each success status to its view model (None: no content). `errors` lists the
    refusals that this route adds to those that its policy and models imply. `creates` routes take
    an Idempotency-Key. Where `body_optional`, no body means an empty object. `streams` is the
    content type of a route that gives a `StreamedAnswer`.
    """

    method: str
    path: str
    function: Function
    policy: Policy
    answers: Mapping[int, type[BaseModel] | None]
    errors: tuple[type[ParlorError], ...] = ()
    body: type[BaseModel] | None = None
    body_optional: bool = False
    query: type[BaseModel] | None = None
    creates: bool = False
    streams: str | None = None

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def operation(self) -> str:
        return self.function.__name__


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """A live socket: authenticated inside the handshake's handler, closed with our own codes.

    `takes` are the frames that a client may send, `sends` those that it gets, beside those of every
    socket: ping, ack and error.
    """

    path: str
    function: Callable[..., Awaitable[None]]
    policy: str = "participant by token or ticket"
    query: type[BaseModel] | None = None
    takes: tuple[type[BaseModel], ...] = ()
    sends: tuple[type[BaseModel], ...] = ()


@dataclass(frozen=True, slots=True)
class Routes:
    """What one listener of a service serves."""

    http: tuple[Route, ...]
    sockets: tuple[SocketRoute, ...] = field(default=())
