# `make help` lists what can be made. Everything runs in .venv, which is made from the lock in envs/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all

.PHONY: demo test test-all lint accept notebook notebook-html example bench bench-sizes calibrate lock architecture wheel clean help
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "carpeak needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }

# The stamp holds the lock it was made from, so that a changed lock installs again.
$(VENV)/.run: envs/requirements.txt | $(BIN)/python
	@echo "installing the pinned environment (about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@cp envs/requirements.txt $@

$(VENV)/.test: envs/test.txt | $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/test.txt
	@cp envs/test.txt $@

$(VENV)/.notebook: envs/notebook.txt | $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/notebook.txt
	@cp envs/notebook.txt $@

demo: $(VENV)/.run ## the demo study, in an environment made here; prints where the report is
	@$(BIN)/python workflow/scripts/unlock.py
	@$(BIN)/snakemake --cores $(CORES)

# Files of tests side by side, whole runs first (tests/conftest.py): they take longest.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/.test ## the first tier of tests: what a change most likely breaks (8 minutes on two cores)
	$(PYTEST) -m "not slow and not accept" tests

test-all: $(VENV)/.test ## all tests but those of make accept
	$(PYTEST) -m "not accept" tests

accept: $(VENV)/.test ## the demo against its truth on three further seeds
	$(BIN)/python -m pytest -m accept tests

lint: $(VENV)/.test ## ruff, mypy, snakefmt, snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/snakemake --lint

LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --only-binary :all: --no-binary connection-pool \
  --generate-hashes --no-emit-index-url --no-header
lock: $(VENV)/.test ## renew the pinned environment (envs/), needs a network
	$(LOCK) envs/requirements.in -o envs/requirements.txt
	$(LOCK) -c envs/requirements.txt envs/test.in -o envs/test.txt
	$(LOCK) -c envs/requirements.txt benchmarks/requirements.in -o benchmarks/requirements.txt
	$(LOCK) -c envs/requirements.txt envs/notebook.in -o envs/notebook.txt
	$(BIN)/python envs/make_conda.py

notebook: $(VENV)/.notebook ## the notebooks, in JupyterLab, on results/
	$(BIN)/python -m jupyterlab notebooks

NOTEBOOKS := notebooks/tour.ipynb notebooks/figure3.ipynb
# Pages that load nothing from a network.
AS_PAGE := --to html --embed-images --HTMLExporter.mathjax_url= --HTMLExporter.require_js_url=
notebook-html: $(VENV)/.notebook ## the notebooks run on results/, as pages in results/notebooks/
	CARPEAK_RESULTS=$(CURDIR)/results $(BIN)/python -m nbconvert --execute $(AS_PAGE) --output-dir results/notebooks $(NOTEBOOKS)

$(VENV)/.bench: benchmarks/requirements.txt | $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.txt
	@cp benchmarks/requirements.txt $@

bench: $(VENV)/.bench ## speed beside a plain scanpy script; fails where the target is missed
	$(BIN)/python benchmarks/against_script.py

SIZES ?= 15000 50000 100000
bench-sizes: $(VENV)/.run ## cost by number of cells (SIZES="15000 50000"), one run each, added to docs/performance.tsv
	$(BIN)/python benchmarks/by_size.py --sizes $(SIZES)

example: $(VENV)/.run ## docs/example/report.html anew from results/ of the demo, for a release
	$(BIN)/python docs/make_example.py

calibrate: $(VENV)/.run ## the CAR caller on simulated libraries, into docs/
	$(BIN)/python benchmarks/calibrate.py --out docs

architecture: $(VENV)/.run ## the picture of the package in docs/architecture.md, from its imports
	$(BIN)/python docs/draw_architecture.py

wheel: $(VENV)/.run ## the package as a wheel, into dist/
	$(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove results/, demo/, logs/ and what Snakemake remembers
	rm -rf results demo logs .snakemake
