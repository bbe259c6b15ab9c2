"""Compiles the part of the standard library that one package imports, into a tree of its own.

Run in the build stage of `services/Dockerfile`, which copies the tree over the final image: a
read-only file system cannot keep byte code, and compiling at every start would cost a third of it.
Usage: python compile_imports.py PACKAGE TREE
"""

import importlib
import os
import pkgutil
import py_compile
import sys
from importlib.util import cache_from_source

STANDARD = os.path.dirname(os.__file__)


def main(package: str, tree: str) -> None:
    imported = importlib.import_module(package)
    for found in pkgutil.walk_packages(imported.__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for module in tuple(sys.modules.values()):
        source = getattr(module, "__file__", None) or ""
        ours = source.startswith(STANDARD) and "site-packages" not in source
        if ours and source.endswith(".py"):
            py_compile.compile(source, tree + cache_from_source(source), source, doraise=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
