# Everything from a fresh checkout: `make demo` runs the product, `make test` proves it, `make help` lists the rest.
# Asks for make and Python 3.11 or newer with pip or venv; all else is installed into .venv from the lock files.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Where it is set, every start compiles every module anew: four to six times slower.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
PYTEST := $(BIN)/python -m pytest

CATALOGUES := $(wildcard bridge/locale/*/LC_MESSAGES/*.po)

# An environment is named for what was put into it: another lock, another pyproject.toml or another translation is another
# name, and is installed; what is installed has the catalogues compiled.
checksum = $(shell cat $(wildcard $(1)) pyproject.toml $(CATALOGUES) | cksum | cut -d ' ' -f 1)
RUNTIME := $(VENV)/.runtime-$(call checksum,requirements.lock)
DEVELOPMENT := $(VENV)/.development-$(call checksum,requirements.lock requirements-dev.lock)

.PHONY: help demo test check lint types imports unit contract scenarios browser crash fuzz lines zones bench bench-server messages lock format clean chromium

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(RUNTIME) ## run everything with no account, on http://127.0.0.1:8137 (PORT=9000 changes it)
	@exec $(BIN)/imbridge demo

test: check chromium ## check, then every test, with branch coverage
	$(PYTEST) --cov --numprocesses 4 --dist loadfile --no-loadscope-reorder

check: lint types imports ## lint, format, types and import rules

lint: $(DEVELOPMENT) ## style and likely mistakes
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(DEVELOPMENT) ## mypy, strict
	$(BIN)/mypy

imports: $(DEVELOPMENT) ## the imports that never exist
	$(BIN)/lint-imports

unit: $(DEVELOPMENT) ## one part at a time, and the repository's claims about itself
	$(PYTEST) tests/unit tests/plugins tests/test_repository.py

contract: $(DEVELOPMENT) ## what other programs rely on, per database, in process and over a socket
	$(PYTEST) tests/contract

scenarios: $(DEVELOPMENT) ## dialogues: what is said in Slack, what is heard
	$(PYTEST) tests/scenarios

browser: $(DEVELOPMENT) chromium ## the playground page in Chromium
	$(PYTEST) tests/browser

crash: $(DEVELOPMENT) ## killed at random moments two hundred times; takes minutes (make test: twenty times)
	CRASH_KILLS=200 $(PYTEST) tests/crash -s

fuzz: $(DEVELOPMENT) ## two hundred thousand hostile calls to the messaging server, a hundred thousand lines typed; takes twenty minutes
	FUZZ_EXAMPLES=150 $(PYTEST) tests/contract/test_fuzz.py --timeout 900
	TYPING_EXAMPLES=25000 $(PYTEST) tests/unit/test_typing.py --timeout 1800

lines: $(DEVELOPMENT) ## a hundred thousand lines typed at the bridge; takes half an hour (make test: two hundred)
	LINES_TYPED=100000 $(PYTEST) tests/scenarios/test_any_line.py --timeout 7200

zones: $(DEVELOPMENT) ## fires in every IANA zone over ten years, beside an independent library; takes minutes
	ZONES=all $(PYTEST) tests/unit/test_zones.py

bench: $(DEVELOPMENT) ## measure; takes minutes and wants a quiet machine
	$(BIN)/python -m benchmarks

bench-server: $(DEVELOPMENT) ## measure the messaging server; takes a quarter of an hour and 15 GB of disk
	$(BIN)/python -m benchmarks server

format: $(DEVELOPMENT) ## put the style right
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

BABEL := $(BIN)/python -m babel.messages.frontend --quiet
messages: $(DEVELOPMENT) ## gather what people read into the catalogues to be translated, and compile them
	@mkdir -p build
	$(BABEL) extract --mapping-file pyproject.toml --omit-header --sort-by-file --add-location file --no-wrap \
		--output-file build/imbridge.pot bridge handlers
	$(BABEL) update --domain imbridge --input-file build/imbridge.pot --output-dir bridge/locale --no-wrap \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	$(BABEL) compile --domain imbridge --directory bridge/locale

LOCK = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' pyproject.toml
lock: $(BIN)/python ## resolve pyproject.toml into the lock files; pins that still fit stay (delete a lock to renew it)
	$(PIP) install uv
	$(LOCK) --output-file requirements.lock
	$(LOCK) --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove what these targets made, but not var/
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find bridge handlers tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
	rm -f $(CATALOGUES:.po=.mo)

# Debian ships venv's other half apart (python3-venv); pip can stand in for it.
$(BIN)/python:
	@if test -z "$(PYTHON)"; then \
		echo "imbridge needs Python 3.11 or newer: install it, or name one with make PYTHON=/path/to/python" >&2; exit 1; \
	elif $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
		$(PYTHON) -m venv --clear $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --clear --without-pip $(VENV); \
		$(PYTHON) -m pip --python $@ --disable-pip-version-check --no-input --quiet install pip; \
	else \
		echo "$(PYTHON) has neither venv nor pip. On Debian: apt-get install python3-venv" >&2; exit 1; \
	fi

# Editable, so that an edit is live; the packages themselves only ever as the lock has them.
$(RUNTIME): | $(BIN)/python
	@echo "Installing what imbridge needs into $(VENV) ..."
	@rm -f $(VENV)/.runtime-* $(VENV)/.development-*
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --editable .
	@$(BIN)/python -m compileall -q bridge handlers
	@touch $@

$(DEVELOPMENT): $(RUNTIME)
	@echo "Installing what its tests need ..."
	@rm -f $(VENV)/.development-*
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@

# The pages are Chinese: without glyphs for it a screenshot shows boxes.
CHROMIUM := /usr/bin/chromium
CJK_FONT := /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
chromium:
	@if test -x $(CHROMIUM) && test -e $(CJK_FONT); then exit 0; fi; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		echo "Installing Chromium and Chinese fonts ..."; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get -qq update && apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install --yes --no-install-recommends \
			chromium fonts-noto-cjk >/dev/null && exit 0; \
	fi; \
	echo "The browser tests need $(CHROMIUM) and $(CJK_FONT), from Debian's chromium and fonts-noto-cjk." >&2; \
	echo "Without Chromium they are skipped; where CI=true, that fails the run." >&2
