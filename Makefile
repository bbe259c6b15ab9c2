# Everything a person or a CI job runs. `make help` lists it.
#
# The tools install themselves: uv from PATH, or else into a private environment under .cache, then
# every locked dependency into .venv. A stamp file makes the second run instant. Index, proxy and
# CA variables of the caller's environment reach uv, pip and Maven as they are.
# ARGS goes on to the command, as in `make up ARGS="--replicas chat=2"` or `make test ARGS=-x`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
CACHE := $(or $(PARLOR_CACHE),.cache)
PY := .venv/bin/python
STAMP := .venv/.synced
MEMBERS := $(wildcard services/*/pyproject.toml operator/pyproject.toml)
TYPED := $(wildcard services/*/parlor_* operator/parlor_operator tests bench/*.py)
ARGS ?=

.PHONY: help up down reset status demo test lint bench format e2e

help: ## list the targets
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

up: $(STAMP) ## run the whole platform on this machine; Ctrl-C stops it
	@exec $(PY) -m parlor_dev up --end-with-parent $(ARGS)

down: $(STAMP) ## stop the platform that runs
	@$(PY) -m parlor_dev down

reset: $(STAMP) ## remove its state folder and all data in it
	@$(PY) -m parlor_dev reset

status: $(STAMP) ## list its processes
	@$(PY) -m parlor_dev status

demo: $(STAMP) ## walk through the platform that runs
	@$(PY) -m parlor_dev demo $(ARGS)

test: lint ## lint, types, layers and every test that needs no cluster
	$(PY) -m pytest -m "not cluster" $(ARGS)

e2e: $(STAMP) ## prove the whole platform on the current kube context
	@PYTHONPATH=tests $(PY) -m e2e.run $(ARGS)

test-cluster: $(STAMP) ## tests that need a Kubernetes API server; Go compiles one at first use
	@[ -n "$(PARLOR_TEST_KUBECONFIG)" ] || $(PY) -m parlor_dev kube
	$(PY) -m pytest -m cluster $(ARGS)

lint: $(STAMP) ## what a reviewer should not have to say
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy $(TYPED)
	.venv/bin/lint-imports

format: $(STAMP) ## put the code in its one format
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: $(STAMP) ## measure
	$(PY) bench/run.py $(ARGS)

# uv finds or fetches a Python that fits; where there is no uv, one is needed to get it.
$(STAMP): pyproject.toml uv.lock $(MEMBERS)
	@if command -v uv >/dev/null; then uv=uv; \
	else \
	  uv=$(CACHE)/uv/bin/uv; \
	  if ! command -v python3 >/dev/null; then \
	    echo 'parlor: python3 is missing: apt-get install python3 python3-venv' >&2; exit 2; fi; \
	  if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	    echo 'parlor: python3 is older than 3.11: apt-get install python3.11-venv, and put its python3 first on PATH' >&2; exit 2; fi; \
	  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo 'parlor: the venv module is missing: apt-get install python3-venv' >&2; exit 2; fi; \
	  if ! [ -x $$uv ]; then \
	    echo 'parlor: installing uv into $(CACHE)/uv'; \
	    python3 -m venv $(CACHE)/uv; \
	    $(CACHE)/uv/bin/python -m pip install --quiet uv==$(UV_VERSION); fi; \
	fi; \
	echo 'parlor: installing what uv.lock names'; \
	$$uv sync --frozen --quiet
	@touch $@
