# Every target sets up .venv by itself from a bare checkout.
#   make demo     a whole agent session, formatted for three providers' forms
#   make test     all checks and tests, then the built wheel in an environment of its own
#   make lint     the static checks alone
#   make bench    the same messages through our formatters and their peers
#   make parity CASES=folder OUT=folder    agentscope-java's cases, in both settings
#   make schemas  the official definitions anew, from the newest SDKs

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := test

PYTHON3 ?= python3
VENV := .venv
WHEEL_VENV := .venv-wheel
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
BASE := $(VENV)/.base
STAMP := $(VENV)/.stamp

.PHONY: demo test lint fuzz unit wheel bench parity schemas clean

# What a user gets: the package and its required dependencies, editable.
# pip 25.1 is the first that reads dependency groups.
$(BASE): pyproject.toml
	$(PYTHON3) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable .
	touch $@

# What a developer needs besides.
$(STAMP): $(BASE)
	$(PIP) install --group dev
	touch $@

demo: $(BASE)
	@$(BIN)/python examples/demo.py

test: lint fuzz unit wheel

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy tests/typing
	$(BIN)/mypy tools
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m wiremark.conformance.lint

# Ten thousand conversations for each rule set, without coverage, which makes them three times as slow.
fuzz: $(STAMP)
	WIREMARK_FUZZ=10000 $(BIN)/python -m pytest --quiet --no-header tests/test_fuzz_dialects.py

# Coverage starts before pytest, because pytest imports plugins first.
unit: $(STAMP)
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage report

# sdist, wheel from the sdist, and a look at the installed wheel, where the checkout cannot stand in for it.
wheel: $(STAMP)
	rm -rf $(WHEEL_VENV)
	$(PYTHON3) -m venv $(WHEEL_VENV)
	$(BIN)/python -m build --no-isolation --outdir $(WHEEL_VENV)/dist . > $(WHEEL_VENV)/build.log \
	  || { cat $(WHEEL_VENV)/build.log; exit 1; }
	$(WHEEL_VENV)/bin/python -m pip --disable-pip-version-check -qq install $(WHEEL_VENV)/dist/*.whl pytest
	$(WHEEL_VENV)/bin/pytest --quiet --noconftest -o pythonpath= -p no:cacheprovider tests/installed_wheel.py

bench: $(STAMP)
	@$(BIN)/python benchmarks/run.py

parity: $(BASE)
	@test -n "$(CASES)" && test -n "$(OUT)" || { echo 'usage: make parity CASES=folder OUT=folder' >&2; exit 2; }
	@$(BIN)/python -m wiremark.conformance.parity "$(CASES)" "$(OUT)"

# The types that a release of Anthropic's SDK before 1 has are those of API version 2023-06-01.
schemas: $(STAMP)
	rm -rf .venv-schemas
	$(PIP) install --target .venv-schemas/sdk openrouter botocore
	$(PIP) install --no-deps --target .venv-schemas/anthropic-0 'anthropic<1'
	PYTHONPATH=.venv-schemas/sdk $(BIN)/python -m tools.schemas
	PYTHONPATH=.venv-schemas/anthropic-0 $(BIN)/python -m tools.schemas anthropic

clean:
	rm -rf .venv .venv-* build dist htmlcov .coverage .coverage.* \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .benchmarks
	find formatters tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
