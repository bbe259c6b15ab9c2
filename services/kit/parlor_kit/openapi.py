"""OpenAPI 3.1 documents and a readable page, made from the route tables.

https://spec.openapis.org/oas/v3.1.0 — every status that a route can answer is listed: those of
its row and those that its policy, models and the frame imply.
"""

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from parlor_kit import errors
from parlor_kit.errors import ParlorError
from parlor_kit.routing import Route

_PARAMETER = re.compile(r"\{(\w+)\}")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9.\-_]")
_REF = "#/components/schemas/{model}"

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details with a stable `code`.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def refusals(route: Route) -> list[type[ParlorError]]:
    """Every refusal that `route` can give."""
    found: list[type[ParlorError]] = [errors.MalformedRequest, errors.DependencyUnavailable]
    if route.policy.needs_user or route.policy.needs_service:
        found += [errors.Unauthenticated, errors.Forbidden]
    if _PARAMETER.search(route.path):
        found.append(errors.NotFound)
    if route.body is not None or route.method in {"POST", "PUT", "PATCH"}:
        found += [errors.PayloadTooLarge, errors.ValidationFailed]
    if route.query is not None or route.creates:
        found.append(errors.ValidationFailed)
    if route.creates:
        found.append(errors.IdempotencyKeyReused)
    return list(dict.fromkeys([*found, *route.errors]))


def _operation(route: Route, references: Mapping[Any, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    for name in _PARAMETER.findall(route.path):
        schema: dict[str, Any] = {"type": "string"}
        if name.endswith("_id"):
            schema["format"] = "uuid"
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    if route.query is not None:
        parameters += _query_parameters(route.query)
    if route.creates:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The first answer to this key is given again.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    responses: dict[str, Any] = {}
    for status, view in route.answers.items():
        responses[str(status)] = {"description": "Done."}
        if view is not None:
            responses[str(status)]["content"] = {
                "application/json": {"schema": {"$ref": _ref(view)}}
            }
        elif route.streams is not None:
            responses[str(status)]["content"] = {route.streams: {"schema": {"type": "string"}}}
    for refusal in refusals(route):
        known = responses.setdefault(
            str(refusal.status),
            {
                "description": "",
                "content": {
                    "application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}
                },
            },
        )
        line = f"`{refusal.code}`: {refusal.title}."
        known["description"] = f"{known['description']} {line}".strip()
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "description": f"Policy: {route.policy.name}.",
        "parameters": parameters,
        "responses": responses,
        "security": [{"user": []}] if route.policy.needs_user else [],
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": {"$ref": _ref(route.body)}}},
        }
    return operation


def _ref(model: type[BaseModel]) -> str:
    """Where the schema of `model` is; pydantic spells `Page[View]` as `Page_View_`."""
    return _REF.format(model=_NOT_IN_NAMES.sub("_", model.__name__))


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_REF)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", []),
            "schema": {key: value for key, value in part.items() if key != "title"},
        }
        for name, part in schema.get("properties", {}).items()
    ]


def document(service: str, routes: Iterable[Route], *, version: str) -> dict[str, Any]:
    """The OpenAPI document of `service`."""
    rows = tuple(routes)
    models: dict[type[BaseModel], Any] = {}
    for route in rows:
        if route.body is not None:
            models[route.body] = "validation"
        for view in route.answers.values():
            if view is not None:
                models[view] = "serialization"
    named, schema = models_json_schema(list(models.items()), ref_template=_REF)
    references = {model: reference for (model, _), reference in named.items()}
    parts = dict(schema.get("$defs", {}))
    for route in rows:
        if route.query is not None:
            parts |= route.query.model_json_schema(ref_template=_REF).get("$defs", {})
    paths: dict[str, Any] = {}
    for route in rows:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Parlor {service}",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**parts, "Problem": _PROBLEM},
            "securitySchemes": {
                "user": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def page(doc: dict[str, Any]) -> str:
    """A page for people: every operation with its policy, parameters and answers; no scripts."""
    blocks = []
    for path, operations in doc["paths"].items():
        for method, operation in operations.items():
            answers = "".join(
                f"<tr><td>{status}</td><td>{html.escape(answer['description'])}</td></tr>"
                for status, answer in operation["responses"].items()
            )
            blocks.append(
                f"<section><h2><b>{method.upper()}</b> <code>{html.escape(path)}</code></h2>"
                f"<p>{html.escape(operation['summary'])} {html.escape(operation['description'])}"
                f"</p><table>{answers}</table></section>"
            )
    title = html.escape(doc["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>"
        "body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "h2{font-size:1.1rem;border-top:1px solid #ccc;padding-top:1rem}"
        "td{padding:0 1rem 0 0;vertical-align:top}code{background:#f4f4f4}</style>"
        f"<h1>{title}</h1><p>Machine-readable: <a href=openapi.json>openapi.json</a></p>"
        + "".join(blocks)
        + "</html>"
    )
