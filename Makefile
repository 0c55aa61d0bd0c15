# `make demo` and `make test` do all of their own set-up. It is done once, in .venv, and again when setup.py or
# constraints.txt changes. Needs CPython 3.10 to 3.13 only, and takes 3.11 where there is one (another one:
# make PYTHON=/path/to/python3.12). docs/platforms.md says which was tested how.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help install demo view test fuzz test-python docs lint types layers format clean

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.10 python3; do \
	"$$p" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := .venv/bin
INSTALL := -m pip --disable-pip-version-check install -qq -c constraints.txt
PIP := $(BIN)/python $(INSTALL)
NO_PYTHON := echo 'tabletop needs CPython 3.10 to 3.13 (make PYTHON=/path/to/python3.11)' >&2; exit 1
WORKERS ?= 2
ARGS ?=
# What the package has without torch: physics, tasks, scripts, environments and the planner over scripts.
PARTS ?= tests/sim tests/logic tests/control tests/envs tests/planner tests/rollout

help:
	@echo 'make install    what running needs, into .venv'
	@echo 'make demo    install what running needs, then tabletop run (ARGS="--seed 1" adds to it)'
	@echo 'make view    install what the live page needs, then tabletop view (ARGS="--seed 1" adds to it)'
	@echo 'make test    install what development needs, then all tests (ARGS="-k scene" adds to pytest)'
	@echo 'make fuzz    give every reader and command 10,000 damaged inputs (about ten minutes)'
	@echo 'make docs    install what the site of docs/ needs, then build it into site/, without network'
	@echo 'make lint    ruff, check only        make format  ruff, rewrite'
	@echo 'make test-python PYTHON=python3.12    the tests that need no torch on another CPython, in .venv-3.12'
	@echo 'make types   mypy --strict           make layers  import-linter'
	@echo 'make clean   remove builds and caches (.venv, .venv-3.* and out/ stay)'

install: .venv/.runs

demo: .venv/.runs
	$(BIN)/tabletop run $(ARGS)

view: .venv/.views
	$(BIN)/tabletop view $(ARGS)

test: .venv/.develops
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

fuzz: .venv/.develops
	$(BIN)/python -m pytest tests/fuzz -n $(WORKERS) --dist worksteal --hypothesis-profile=fuzz $(ARGS)

docs: .venv/.documents
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# Of each CPython an environment, which tests/test_other_pythons.py uses as well.
test-python:
	@[ -n "$(PYTHON)" ] || { $(NO_PYTHON); }
	@venv=".venv-$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	$(MAKE) --no-print-directory "$$venv/.tests" PYTHON="$(PYTHON)"; \
	PYTHONPATH="$(CURDIR)" "$$venv/bin/python" -m pytest $(PARTS) $(ARGS)

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
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

# A .venv of another CPython than the one that PYTHON names on the command line is made anew.
ifeq ($(origin PYTHON),command line)
WANTED := $(shell $(PYTHON) -c 'import sys; print(sys.version_info[:2])')
ifneq ($(WANTED),$(shell [ ! -x $(BIN)/python ] || $(BIN)/python -c 'import sys; print(sys.version_info[:2])'))
.PHONY: .venv/.python
endif
endif

# torch by itself and by its exact version first: pip then takes a file of it on this machine where there is one.
.venv/.python:
	@[ -n "$(PYTHON)" ] || { $(NO_PYTHON); }
	@echo 'setting up .venv, once (about a minute)'
	@mkdir -p $(@D)
	@$(PYTHON) -c 'import sys; print(sys.version_info[:2])' >$@.tmp
	@$(BIN)/python -c 'import sys; print(sys.version_info[:2])' 2>/dev/null | cmp -s - $@.tmp || $(PYTHON) -m venv --clear .venv
	@rm -f $@.tmp
	@touch $@

.venv/.runs: .venv/.python setup.py constraints.txt
	@$(PIP) "$$(grep '^torch==' constraints.txt)" "$$(grep '^setuptools==' constraints.txt)"
	@$(PIP) --no-build-isolation -e .
	@touch $@

.venv/.views: .venv/.runs
	@$(PIP) --no-build-isolation -e '.[view]'
	@touch $@

.venv/.develops: .venv/.runs
	@$(PIP) --no-build-isolation -e '.[dev]'
	@touch $@

.venv/.documents: .venv/.runs
	@$(PIP) --no-build-isolation -e '.[docs]'
	@touch $@

# All that running needs but torch, whose builds for Linux bring gigabytes along, and what these tests need.
.venv-3.%/.tests: setup.py constraints.txt
	@echo 'setting up .venv-3.$*, once (about a minute)'
	@[ -x $(@D)/bin/python ] || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(INSTALL) --dry-run --no-deps --report $@.tmp .
	@$(@D)/bin/python -c 'import json; print(*(n for n in json.load(open("$@.tmp"))["install"][0]["metadata"]["requires_dist"] \
		if "extra ==" not in n and not n.startswith("torch")), sep="\n")' >$(@D)/needs.txt
	@$(@D)/bin/python $(INSTALL) -r $(@D)/needs.txt pytest hypothesis packaging
	@mv $@.tmp $@
