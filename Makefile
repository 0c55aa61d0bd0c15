# `make demo` and `make test` do all of their own set-up. It is done once, in .venv, and again when setup.py or
# constraints.txt changes. Needs CPython 3.11 only (another one: make PYTHON=/path/to/python3.11).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test docs lint types layers format clean

PYTHON ?= $(shell for p in python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq -c constraints.txt
WORKERS ?= 2
ARGS ?=

help:
	@echo 'make demo    install what running needs, then tabletop run (ARGS="--seed 1" adds to it)'
	@echo 'make test    install what development needs, then all tests (ARGS="-k scene" adds to pytest)'
	@echo 'make docs    install what the site of docs/ needs, then build it into site/, without network'
	@echo 'make lint    ruff, check only        make format  ruff, rewrite'
	@echo 'make types   mypy --strict           make layers  import-linter'
	@echo 'make clean   remove builds and caches (.venv and out/ stay)'

demo: .venv/.runs
	$(BIN)/tabletop run $(ARGS)

test: .venv/.develops
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

docs: .venv/.documents
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

lint: .venv/.develops
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.develops
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.develops
	$(BIN)/mypy

layers: .venv/.develops
	$(BIN)/lint-imports --no-cache

clean:
	rm -rf build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# torch by itself and by its exact version first: pip then takes a file of it on this machine where there is one.
.venv/.python:
	@[ -n "$(PYTHON)" ] || { echo 'tabletop needs CPython 3.11 (make PYTHON=/path/to/python3.11)' >&2; exit 1; }
	@echo 'setting up .venv, once (about a minute)'
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@touch $@

.venv/.runs: .venv/.python setup.py constraints.txt
	@$(PIP) "$$(grep '^torch==' constraints.txt)" "$$(grep '^setuptools==' constraints.txt)"
	@$(PIP) --no-build-isolation -e .
	@touch $@

.venv/.develops: .venv/.runs
	@$(PIP) --no-build-isolation -e '.[dev]'
	@touch $@

.venv/.documents: .venv/.runs
	@$(PIP) --no-build-isolation -e '.[docs]'
	@touch $@
