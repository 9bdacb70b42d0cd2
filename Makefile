# `make run` and `make test` do all the set-up. Needed before: Python 3.11 to 3.13, git, make, a package index.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run setup test test-tools bench faults connection-faults lint lock clean

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo "$$p" && break; done)
# Images of Python forbid to keep compiled modules. Kept in the project's own folders, they halve the start of every process.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
READY := .venv/.ready

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(READY) ## Make the environment .venv from the lock
$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 was found. Install one, or say make PYTHON=/path/to/python3.12." >&2; exit 1; }
	@echo "Setting up .venv from requirements.txt with $(PYTHON); some minutes the first time, seconds later."
	@$(PYTHON) orderhub/services/environment.py .venv requirements.txt --editable .
	@touch $@

run: $(READY) ## Start everything, run the main job on the samples, stay up until Ctrl-C
	@ORDERHUB__STOP_WITH_PARENT=1 exec $(BIN)/orderhub up --demo

test-tools: $(READY)
	@$(BIN)/python -m orderhub.services.test_peers

# TESTS=<folders, files> runs some of them; WORKERS=0 runs them in this one process. One more than the usual two cores, for
# tests wait for servers too.
WORKERS ?= 3
test: $(READY) test-tools ## Set up what the tests need and run all of them, three files at a time
	@exec $(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

bench: $(READY) ## Measure against the peers; writes benchmarks/results.json
	@exec $(BIN)/python -m benchmarks

faults: $(READY) ## Kill workers and sessions, fill disks, stop the ERP at random moments; SEED=n replays
	@exec $(BIN)/python -m tests.faults.run $(if $(SEED),--seed $(SEED))

connection-faults: $(READY) ## Break connections of every kind at seeded moments; RUNS=n SEED=n KIND=k
	@exec $(BIN)/python -m tests.faults.connections $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(if $(KIND),--kind $(KIND))

lint: $(READY) ## Lint, types, import directions, generated schemas and pages in step
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m orderhub.documents.schema --check
	$(BIN)/python -m orderhub.documents.reference --check
	$(BIN)/python -m orderhub.connector_reference --check

# The two locks: the hub's and the ERP's. No index address gets into them.
lock: $(READY) ## Renew requirements.txt and the ERP's lock
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --generate-hashes --no-emit-index-url --python-version 3.11 -o requirements.txt
	$(BIN)/uv pip compile --quiet orderhub/services/tryton/requirements.in --universal --generate-hashes --no-emit-index-url --python-version 3.11 -o orderhub/services/tryton/requirements.txt

clean: ## Remove the environment and all data of the embedded parts (asks)
	@if [ -x $(BIN)/python ]; then exec $(BIN)/python -m orderhub.services.clean; else rm -rf .venv; fi
