"""docs/settings.md and docs/asyncapi.json say what the code says.

`PARLOR_WRITE_DOCS=1 pytest tests/contract/test_documents.py` writes them anew.
"""

import inspect
import os
import re
from collections.abc import Iterable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from parlor_dev import variables as dev
from parlor_kit import asyncapi
from parlor_kit.process import VERSION
from parlor_kit.settings import ServiceSettings
from parlor_operator.settings import OperatorSettings
from parlor_sidecar import settings as sidecar
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("identity", "customer", "game", "chat")


def _compare(path: Path, wanted: str) -> None:
    if os.environ.get("PARLOR_WRITE_DOCS"):
        path.write_text(wanted)
    assert path.read_text() == wanted, f"{path.name} is stale: run with PARLOR_WRITE_DOCS=1"


def _settings_of(service: str) -> type[ServiceSettings]:
    module = import_module(f"parlor_{service}.settings")
    found = [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, ServiceSettings) and value.__module__ == module.__name__
    ]
    return found[0] if found else ServiceSettings


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "**needed**"
    if value is None or value == "":
        return "unset"
    if isinstance(value, SecretStr):
        return "secret"
    if isinstance(value, Path):
        return f"`{value}`" if not value.is_relative_to(ROOT) else "from the checkout"
    if isinstance(value, timedelta):
        return f"`{_iso_8601(value)}`"
    return f"`{value}`"


def _iso_8601(value: timedelta) -> str:
    """As the contract writes durations: whole days, or hours, minutes and seconds."""
    seconds = int(value.total_seconds())
    if seconds and seconds % 86400 == 0:
        return f"P{seconds // 86400}D"
    parts = ((seconds // 3600, "H"), (seconds // 60 % 60, "M"), (seconds % 60, "S"))
    return "PT" + ("".join(f"{count}{unit}" for count, unit in parts if count) or "0S")


def _rows(fields: dict[str, Any]) -> list[str]:
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in fields.items():
        assert field.description, f"{name} has no description"
        rows.append(f"| `{name.upper()}` | {_default(field.default)} | {field.description} |")
    return [*rows, ""]


def _sidecar_default(variable: sidecar.Variable) -> str:
    default = sidecar.Settings.__dataclass_fields__[variable.field].default
    if variable.field in sidecar.REQUIRED:
        return "**needed**"
    return f"`{default}`" if default not in (None, "") else "unset"


def _table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    lines = [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in rows]
    return ["| variable | default | meaning |", "|---|---|---|", *lines, ""]


def _settings_page() -> str:
    shared = ServiceSettings.model_fields
    lines = [
        "# Settings",
        "",
        "Every process reads its environment once, checks it and says each fault in one line.",
        "This page is generated from the settings classes; a test compares it.",
        "`make up` sets what is needed; its own variables are at the end.",
        "",
        "## All services",
        "",
        *_rows(dict(shared)),
    ]
    for service in SERVICES:
        own = {
            name: field
            for name, field in _settings_of(service).model_fields.items()
            if name not in shared
        }
        if own:
            lines += [f"## {service.capitalize()}", "", *_rows(own)]
    lines += [
        "## Operator",
        "",
        "It takes no others. KUBECONFIG names a cluster; unset, it is the pod's own.",
        "",
        *_rows(dict(OperatorSettings.model_fields)),
        "## Sidecars",
        "",
        "Also in `python -m parlor_sidecar --help`.",
        "",
        *_table((one.name, _sidecar_default(one), one.meaning) for one in sidecar.VARIABLES),
        "## The dev stack",
        "",
        "What `make up`, `make demo` and the tests read themselves. Variables that start with",
        f"{dev.PASSED} go to the services as well.",
        "",
        *_table((one.name, one.default, one.meaning) for one in dev.VARIABLES),
    ]
    return "\n".join(lines)


def test_the_settings_page_is_that_of_the_code() -> None:
    _compare(ROOT / "docs" / "settings.md", _settings_page())


def test_every_variable_that_the_dev_stack_reads_is_on_the_page() -> None:
    read = set()
    for source in (ROOT / "services" / "dev").rglob("*.py"):
        read |= set(re.findall(r'environ(?:\.get\(|\[)"(PARLOR_\w+)"', source.read_text()))
    read |= set(re.findall(r"\$\(?\(?(PARLOR_\w+)", (ROOT / "Makefile").read_text()))
    assert read
    assert read <= {variable.name for variable in dev.VARIABLES}


def test_the_asyncapi_document_is_that_of_topics_schemas_and_sockets() -> None:
    sockets = {
        service: import_module(f"parlor_{service}.routes").PUBLIC.sockets for service in SERVICES
    }
    document = asyncapi.document(ROOT / "kafka", sockets, version=VERSION)
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
    _compare(ROOT / "docs" / "asyncapi.json", text)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = orjson.loads((ROOT / "docs" / "asyncapi.json").read_bytes())

    def references(part: Any) -> list[str]:
        inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        own = [part["$ref"]] if isinstance(part, dict) and "$ref" in part else []
        return own + [found for each in inside for found in references(each)]

    for reference in set(references(document)):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            assert step in found, reference
            found = found[step]
