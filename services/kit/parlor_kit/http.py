"""The frame around every route: one Sanic app a listener, errors to problem+json in one place.

A request passes here in order: trace, credential, policy, path, query, body, the route's function.
Whatever it raises becomes problem+json with a stable code; what is not ours becomes a bare 500
whose cause is only in the log.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import orjson
from pydantic import BaseModel, ValidationError
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import (
    BadRequest,
    SanicException,
)
from sanic.exceptions import (
    MethodNotAllowed as SanicMethodNotAllowed,
)
from sanic.exceptions import (
    NotFound as SanicNotFound,
)
from sanic.exceptions import (
    PayloadTooLarge as SanicPayloadTooLarge,
)
from sanic.response import BaseHTTPResponse

from parlor_kit import errors, idempotency, logs, metrics, openapi, tracing
from parlor_kit.answers import StreamedAnswer, dumps
from parlor_kit.database import gone_is_unavailable
from parlor_kit.ids import parse_id
from parlor_kit.principal import SERVICE_HEADER, USER_HEADER, ServiceCaller, Users, bearer
from parlor_kit.routing import Call, Route, Routes
from parlor_kit.sealing import Sealer

log = logs.get("http")

MAX_BODY = 64 * 1024


def build_app(name: str, *, trusted_proxies: int = 0) -> Sanic[Any, Any]:
    """A Sanic app with our limits, traces and errors, and no routes yet."""
    app: Sanic[Any, Any] = Sanic(name, configure_logging=False)
    app.config.REQUEST_MAX_SIZE = MAX_BODY
    app.config.REQUEST_MAX_HEADER_SIZE = 16 * 1024
    app.config.REQUEST_TIMEOUT = 15
    app.config.RESPONSE_TIMEOUT = 60
    app.config.KEEP_ALIVE_TIMEOUT = 75
    app.config.ACCESS_LOG = False
    app.config.MOTD = False
    app.config.WEBSOCKET_MAX_SIZE = MAX_BODY
    app.config.WEBSOCKET_PING_INTERVAL = 20
    app.config.WEBSOCKET_PING_TIMEOUT = 20
    if trusted_proxies:
        app.config.PROXIES_COUNT = trusted_proxies
    app.exception(Exception)(_on_error)
    app.register_middleware(_open_trace, "request")
    app.register_middleware(_close_trace, "response")
    return app


async def _open_trace(request: Request) -> None:
    trace = tracing.open_trace(
        request.headers.get("x-request-id"), request.headers.get("traceparent")
    )
    request.ctx.trace = trace
    request.ctx.started = time.perf_counter()
    tracing.bind(trace)


async def _close_trace(request: Request, response: BaseHTTPResponse) -> None:
    trace = _trace(request)
    response.headers["x-request-id"] = trace.request_id
    route = request.route.path if request.route else "unmatched"
    seconds = time.perf_counter() - getattr(request.ctx, "started", time.perf_counter())
    metrics.REQUESTS.labels(request.method, route, response.status).inc()
    metrics.REQUEST_SECONDS.labels(request.method, route).observe(seconds)
    if response.status >= 500:
        log.warning("http.failed", method=request.method, route=route, status=response.status)


def _trace(request: Request) -> tracing.Trace:
    trace = getattr(request.ctx, "trace", None)
    if trace is None:
        trace = request.ctx.trace = tracing.open_trace(None, None)
    return trace


def as_refusal(error: BaseException) -> errors.ParlorError:
    """The one mapping from whatever was raised to a refusal with a stable code."""
    if isinstance(error, errors.ParlorError):
        return error
    if isinstance(error, SanicNotFound):
        return errors.NotFound()
    if isinstance(error, SanicMethodNotAllowed):
        return errors.MethodNotAllowed()
    if isinstance(error, SanicPayloadTooLarge):
        return errors.PayloadTooLarge()
    if isinstance(error, BadRequest):
        return errors.MalformedRequest()
    if isinstance(error, SanicException) and 400 <= error.status_code < 500:
        return errors.MalformedRequest(str(error))
    return errors.ParlorError()


def problem(refusal: errors.ParlorError, request_id: str) -> dict[str, Any]:
    """RFC 9457 problem details of a refusal."""
    return {
        "type": f"https://parlor.dev/problems/{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
        "request_id": request_id,
        **refusal.extra,
    }


async def _on_error(request: Request, error: Exception) -> HTTPResponse:
    refusal = as_refusal(error)
    if refusal.status >= 500:
        log.error("http.error", code=refusal.code, exc_info=error)
    headers = {}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    if refusal.status == 405:
        allowed = getattr(error, "headers", {}).get("Allow")
        if allowed:
            headers["allow"] = allowed
    return HTTPResponse(
        dumps(problem(refusal, _trace(request).request_id)),
        status=refusal.status,
        headers=headers,
        content_type="application/problem+json",
    )


def mount(
    app: Sanic[Any, Any],
    routes: Routes,
    *,
    services: Any,
    users: Users,
    sealer: Sealer,
) -> None:
    """Serve `routes` on `app`; `services` is the object that calls see as `call.app`."""
    for route in routes.http:
        app.add_route(
            _endpoint(route, services, users, sealer),
            _sanic_path(route.path),
            methods=[route.method],
            name=f"{route.method}_{route.operation}",
        )
    for socket in routes.sockets:
        app.add_websocket_route(
            _socket_endpoint(socket.function, services),
            _sanic_path(socket.path),
            name=f"WS_{socket.function.__name__}",
        )
    if not routes.http and not routes.sockets:
        # Sanic does not serve an empty router; an app without routes answers 404 to everything.
        app.add_route(_nothing_here, "/", methods=["GET"], name="nothing_here")


async def _nothing_here(_: Request) -> HTTPResponse:
    raise errors.NotFound()


def mount_docs(app: Sanic[Any, Any], service: str, routes: Routes, version: str) -> None:
    """Serve the OpenAPI document and its readable page under /api/v1/<service>/."""
    doc = openapi.document(service, routes.http, version=version)
    content = orjson.dumps(doc)
    text = openapi.page(doc).encode()

    async def openapi_json(_: Request) -> HTTPResponse:
        return HTTPResponse(content, content_type="application/json")

    async def readable(_: Request) -> HTTPResponse:
        return HTTPResponse(text, content_type="text/html; charset=utf-8")

    app.add_route(openapi_json, f"/api/v1/{service}/openapi.json", name="openapi")
    app.add_route(readable, f"/api/v1/{service}/docs", name="docs")


def _sanic_path(path: str) -> str:
    return path.replace("{", "<").replace("}", ":str>")


def _endpoint(route: Route, services: Any, users: Users, sealer: Sealer) -> Callable[..., Any]:
    async def endpoint(request: Request, **params: str) -> HTTPResponse | None:
        call: Call[Any] = Call(app=services, request=request, params={})
        await _authenticate(route, call, users)
        refusal = route.policy.allows(call.principal, call.caller)
        if refusal is not None:
            raise refusal
        call.params = _path_params(params)
        if route.query is not None:
            call.query = _query(route.query, request)
        if route.body is not None:
            call.body = _body(route.body, request, b"{}" if route.body_optional else b"null")
        if route.creates:
            call.idempotency_key = idempotency.read_key(
                request.headers.get("idempotency-key"),
                subject=call.principal.id if call.principal else None,
                route=f"{route.method} {route.path}",
                path=request.path,
                body=request.body,
                sealer=sealer,
            )
        async with gone_is_unavailable():
            answer = await route.function(call)
        if isinstance(answer, StreamedAnswer):
            await _stream(request, answer)
            return None
        return HTTPResponse(
            answer.encode(),
            status=answer.status,
            headers=dict(answer.headers),
            content_type="application/json" if answer.body is not None else None,
        )

    endpoint.__name__ = route.operation
    return endpoint


async def _stream(request: Request, answer: StreamedAnswer) -> None:
    response = await request.respond(content_type=answer.content_type, headers=dict(answer.headers))
    try:
        async for part in answer.parts:
            await response.send(part)
    except Exception as fault:
        # Sanic would end the answer in good order, and a piece would pass for the whole.
        log.error("http.stream_cut", exc_info=fault)
        cast(asyncio.Transport, request.transport).abort()
        return
    await response.eof()


def _socket_endpoint(function: Callable[..., Any], services: Any) -> Callable[..., Any]:
    async def endpoint(request: Request, ws: Any, **params: str) -> None:
        await function(services, request, ws, **params)

    endpoint.__name__ = function.__name__
    return endpoint


async def _authenticate(route: Route, call: Call[Any], users: Users) -> None:
    headers = call.request.headers
    if route.policy.needs_service:
        subject = headers.get(SERVICE_HEADER)
        call.caller = ServiceCaller(subject) if subject else None
        if headers.get(USER_HEADER):
            call.principal = await users.authenticate(bearer(headers.get(USER_HEADER)))
    elif route.policy.needs_user:
        call.principal = await users.authenticate(bearer(headers.get("authorization")))


def _path_params(params: dict[str, str]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for name, value in params.items():
        if name.endswith("_id"):
            parsed[name] = parse_id(value)
            if parsed[name] is None:
                raise errors.NotFound()
        else:
            parsed[name] = value
    return parsed


def violations(wrong: ValidationError) -> list[tuple[str, str]]:
    """Every violation that a model has found, as (field, message) pairs."""
    return [
        (".".join(str(part) for part in error["loc"]), error["msg"].removeprefix("Value error, "))
        for error in wrong.errors(include_url=False, include_input=False, include_context=False)
    ]


def _query(model: type[BaseModel], request: Request) -> BaseModel:
    values: dict[str, str] = {}
    repeated = []
    for name, value in request.query_args:
        if name in values:
            repeated.append((name, "was given more than once"))
        values[name] = value
    try:
        parsed = model.model_validate(values)
    except ValidationError as wrong:
        raise errors.ValidationFailed(violations(wrong) + repeated) from wrong
    if repeated:
        raise errors.ValidationFailed(repeated)
    return parsed


def _body(model: type[BaseModel], request: Request, absent: bytes) -> BaseModel:
    try:
        return model.model_validate_json(request.body or absent)
    except ValidationError as wrong:
        if any(error["type"] == "json_invalid" for error in wrong.errors(include_url=False)):
            raise errors.MalformedRequest("The body is not JSON") from wrong
        raise errors.ValidationFailed(violations(wrong)) from wrong
