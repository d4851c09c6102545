# make demo    the whole analysis of the demo study, in an environment made here
# make test    the first tier of tests: what a change most likely breaks (at most 8 minutes on two cores)
# make test-all  all tests but make accept's; make lint, make accept, make bench, make calibrate, make lock:
#              see the README

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all

.PHONY: demo test test-all lint accept bench calibrate lock clean help
.DEFAULT_GOAL := help

help:
	@sed -n '1,4s/^# //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "carpeak needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }

# The stamp holds the lock it was made from, so that a changed lock installs again.
$(VENV)/.run: envs/requirements.txt | $(BIN)/python
	@echo "installing the pinned environment (about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/requirements.txt
	@echo "$(CURDIR)/workflow/scripts" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/carpeak.pth"
	@cp envs/requirements.txt $@

$(VENV)/.test: envs/test.txt | $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/test.txt
	@cp envs/test.txt $@

demo: $(VENV)/.run
	@$(BIN)/python workflow/scripts/unlock.py
	$(BIN)/snakemake --cores $(CORES)
	@echo; echo "The report: file://$(CURDIR)/results/report.html"

# Files of tests side by side, whole runs first (tests/conftest.py): they take longest.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/.test
	$(PYTEST) -m "not slow and not accept" tests

test-all: $(VENV)/.test
	$(PYTEST) -m "not accept" tests

accept: $(VENV)/.test
	$(BIN)/python -m pytest -m accept tests

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --only-binary :all: --no-binary connection-pool \
  --generate-hashes --no-emit-index-url --no-header
lock: $(VENV)/.test
	$(LOCK) envs/requirements.in -o envs/requirements.txt
	$(LOCK) -c envs/requirements.txt envs/test.in -o envs/test.txt
	$(BIN)/python envs/make_conda.py

bench: $(VENV)/.run
	@test -n "$(SCRIPT)" || { echo "name the script to compare with: make bench SCRIPT=plain.py"; exit 1; }
	$(BIN)/python benchmarks/against_script.py $(SCRIPT)

calibrate: $(VENV)/.run
	$(BIN)/python benchmarks/calibrate.py --out docs

clean:
	rm -rf results demo logs .snakemake
