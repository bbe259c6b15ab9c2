"""The rules are pure: they can only import what cannot reach a clock, a disk or a dice."""

import ast
from pathlib import Path

import parlor_rules
import pytest

ALLOWED = {"collections", "collections.abc", "dataclasses", "hashlib", "json", "typing"}
MODULES = sorted(Path(parlor_rules.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_of_the_rules_imports_only_pure_things(module: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    assert {name for name in imported if not name.startswith("parlor_rules.")} <= ALLOWED
