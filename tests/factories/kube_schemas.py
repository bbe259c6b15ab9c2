"""JSON Schemas of every kind that an API server serves, as kubeconform reads them.

They come from the server's own OpenAPI document, so that no schema has to be fetched from anywhere.
Objects with known fields take no others, which is what makes a misspelt field an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from factories.chart import Manifest

_COMPONENTS = "#/components/schemas/"
_SET_APART = {"default", "properties"}


def write_schemas(raw: Callable[[str], str], folder: Path) -> int:
    """One file a kind, under the name that `location` has; how many there are."""
    count = 0
    for path in json.loads(raw("/openapi/v3"))["paths"]:
        if not path.startswith(("api/", "apis/")):
            continue
        components = json.loads(raw(f"/openapi/v3/{path}"))["components"]["schemas"]
        for name, schema in components.items():
            for kind in schema.get("x-kubernetes-group-version-kind", ()):
                _write(folder, kind, {**_closed(components), "$ref": f"#/definitions/{name}"})
                count += 1
    return count


def write_definition(folder: Path, group: str, version: str, kind: str, schema: Any) -> None:
    """The schema of a kind that this server does not serve."""
    _write(folder, {"group": group, "version": version, "kind": kind}, _strict(schema))


def location(folder: Path) -> str:
    return f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def _write(folder: Path, kind: Mapping[str, str], schema: Any) -> None:
    group = kind["group"].partition(".")[0]
    suffix = f"-{group}-{kind['version']}" if group else f"-{kind['version']}"
    (folder / f"{kind['kind'].lower()}{suffix}.json").write_text(json.dumps(schema))


def _closed(components: Mapping[str, Any]) -> Manifest:
    return {"definitions": {name: _strict(schema) for name, schema in components.items()}}


def _strict(node: Any) -> Any:
    """The same schema in JSON Schema's words, where known fields exclude others."""
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"].replace(_COMPONENTS, "#/definitions/")}
    if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    strict = {key: _strict(value) for key, value in node.items() if key not in _SET_APART}
    properties = node.get("properties")
    if properties is not None:  # its keys are names of fields, not words of a schema
        strict["properties"] = {name: _strict(schema) for name, schema in properties.items()}
        open_ended = {"additionalProperties", "x-kubernetes-preserve-unknown-fields"} & set(node)
        if not open_ended:
            strict["additionalProperties"] = False
    return strict
