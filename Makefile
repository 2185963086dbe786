# `make demo` and `make test` need Python 3.11 or later with venv, make, and a package index; nothing else.

PYTHON ?= python3
VENV ?= .venv
# Where the demonstration campaign is written.
DEMO_DIR ?= theodolite-demo
# What `make screenshots` shows, and where it writes.
LEDGER ?= $(DEMO_DIR)
SCREENSHOTS_DIR ?= screenshots
# Package index for torch alone, for instance the CPU builds of its makers; empty means the usual index.
TORCH_INDEX ?=
# `ci` runs the slow tests too.
TIER ?= $(if $(filter true 1,$(CI)),ci,default)
PYTEST_ARGS ?=
# Processes that run tests, each with one thread; a file's tests stay together, for they share what they made.
TEST_WORKERS ?= 2

BIN := $(VENV)/bin
# A change of the requirements, or a checkout that moved, makes the stamps stale.
HASH := $(shell { pwd; cat pyproject.toml constraints.txt; } | cksum | cut -d ' ' -f 1)
CORE := $(VENV)/.stamp-core-$(HASH)
FULL := $(VENV)/.stamp-full-$(HASH)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --no-input -c constraints.txt

TIERS := default ci
$(if $(filter $(TIER),$(TIERS)),,$(error TIER is '$(TIER)'; use 'default' or 'ci'))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint format bench evidence screenshots constraints clean check-python

help:
	@echo 'make demo      run an unattended campaign in $(DEMO_DIR)/, with no key and no question asked'
	@echo 'make test      run the tests; TIER=ci runs the slow ones too; TEST_WORKERS=0 in one process; PYTEST_ARGS=… goes to pytest'
	@echo 'make lint      ruff, mypy and the import contracts'
	@echo 'make bench     run every benchmark'
	@echo 'make evidence  run the long acceptance runs, which write docs/evidence/'
	@echo 'make screenshots  every page of the dashboard at two widths and both themes; LEDGER=… names a workspace'
	@echo 'make clean     remove the virtual environment and caches'
	@echo 'Variables: PYTHON=python3.12, VENV=.venv, DEMO_DIR=…, TORCH_INDEX=<index of CPU builds>'

demo: $(CORE)
	$(BIN)/theodolite demo --dir '$(DEMO_DIR)'

test: $(FULL)
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile -m 'not slow and not evidence' $(PYTEST_ARGS)
ifeq ($(TIER),ci)
	# Status 5: none of those asked for is slow.
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile -m 'slow and not evidence' $(PYTEST_ARGS) || test $$? = 5
endif

lint: $(FULL)
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo

format: $(FULL)
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

bench: $(CORE)
	@for script in benchmarks/*.py; do \
	  test -e "$$script" || { echo 'No benchmark in benchmarks/.'; exit 1; }; \
	  echo "== $$script"; $(BIN)/python "$$script" || exit 1; \
	done

evidence: $(FULL)
	@failed=; for script in evidence/*.py; do \
	  test -e "$$script" || { echo 'No acceptance run in evidence/.'; exit 1; }; \
	  echo "== $$script"; $(BIN)/python "$$script" || failed="$$failed $$script"; \
	done; test -z "$$failed" || { echo "Failed:$$failed"; exit 1; }

# Of the workspace LEDGER, by default the demonstration campaign, which runs first where it has not.
screenshots: $(FULL)
	$(BIN)/python docs/screenshots.py '$(LEDGER)' --out '$(SCREENSHOTS_DIR)'

# Pins what the virtual environment holds; run it after `make clean test` with the wanted versions, and read the diff.
constraints: $(FULL)
	@$(BIN)/python -m pip freeze --exclude-editable > '$(VENV)/freeze.txt'
	@{ grep '^#' constraints.txt; \
	   sed -e '/ @ /d' -e '/^nvidia-/d' -e '/^triton==/d' -e 's/+[a-z0-9.]*$$//' '$(VENV)/freeze.txt'; \
	 } > '$(VENV)/constraints.txt'
	@mv '$(VENV)/constraints.txt' constraints.txt

clean:
	rm -rf '$(VENV)' .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

check-python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Theodolite needs Python 3.11 or later, and '$(PYTHON)' was not found." >&2; \
	  echo 'On Debian or Ubuntu: apt-get install python3 python3-venv' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Theodolite needs Python 3.11 or later, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo 'Name a newer one: make PYTHON=python3.12 …  On Debian 12 or later: apt-get install python3 python3-venv' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' lacks the venv module." >&2; \
	  echo 'On Debian or Ubuntu: apt-get install python3 python3-venv' >&2; exit 1; }

# Torch comes first and alone, so that TORCH_INDEX serves nothing else. A stamp is written only when all went well.
$(CORE): | check-python
	@echo 'Installing into $(VENV), once (2.3 GB with the CPU build of torch, gigabytes more with a CUDA build)…'
	@grep -qsF '$(abspath $(VENV))' '$(VENV)/pyvenv.cfg' && $(BIN)/python -m pip --version >/dev/null 2>&1 \
	  || $(PYTHON) -m venv --clear '$(VENV)'
	@rm -f '$(VENV)'/.stamp-*
	@$(PIP) $(if $(TORCH_INDEX),--index-url '$(TORCH_INDEX)') torch
	@echo 'torch is installed; now the other packages…'
	@$(PIP) -e .
	@touch '$@'

$(FULL): $(CORE)
	@echo 'Installing the packages for tests and checks…'
	@$(PIP) -e '.[test,dev]'
	@touch '$@'
