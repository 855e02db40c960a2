# What one does here. Each target first brings .venv to hold what it needs (tools/bootstrap.py): a Python >= 3.11, make and a
# package index are enough to begin with. Installing is additive: no target removes what another has installed.

PYTHON ?= python3
BIN := .venv/bin
NEEDS := $(PYTHON) tools/bootstrap.py

# Sizes of the campaigns, as in `make chaos RUNS=50`. Empty: the campaign's own default.
RUNS ?=
IMAGES ?=
SAMPLE ?=
SAMPLES ?=
PYTEST_ARGS ?=

# Two cores are assumed: one target after the other, also under `make -j`.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint format types imports bench bench-smoke chaos controls chaos-power power-sample power-controls mutants mutants-sample redteam redteam-controls search lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-20s %s\n' "$$name" "$$text"; done

setup: ## install all development tools into .venv
	@$(NEEDS) base models databases analyze test lint bench compiler retrievers

demo: ## a support inbox, once without the gate and once through it, killed in the middle (build/demo)
	@$(NEEDS) base
	@$(BIN)/due demo --dir build/demo

test: ## run the tests
	@$(NEEDS) base models databases analyze test compiler retrievers
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS) tests

check: lint types imports test chaos controls power-sample power-controls redteam redteam-controls mutants-sample bench-smoke ## all that the continuous integration does
	@echo "check: everything held"

lint: ## style and form of all Python files
	@$(NEEDS) lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: ## bring all Python files into form
	@$(NEEDS) lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: ## types of src, strictly
	@$(NEEDS) base models databases analyze test lint retrievers
	$(BIN)/basedpyright

imports: ## the floors of the house
	@$(NEEDS) base lint
	$(BIN)/lint-imports --no-logo --no-cache

bench: ## measure beside the peers (build/bench.json)
	@$(NEEDS) base models bench
	$(BIN)/python -m bench

chaos: ## kill agents at every named point, RUNS=N
	@$(NEEDS) base models test
	$(BIN)/python -m chaos $(if $(RUNS),--runs $(RUNS))

controls: ## break one safeguard after the other in a test build: the campaign must find each out
	@$(NEEDS) base models test
	$(BIN)/python -m chaos --controls

chaos-power: ## cut the power at every write, IMAGES=N
	@$(NEEDS) base models test compiler
	$(BIN)/python -m chaos.power $(if $(IMAGES),--images $(IMAGES))

power-sample: ## the same with forty images
	@$(NEEDS) base models test compiler
	$(BIN)/python -m chaos.power --images 40

power-controls: ## the same with one safeguard removed in a test build: the campaign must find each out
	@$(NEEDS) base models test compiler
	$(BIN)/python -m chaos.power --controls

redteam: ## a model that obeys whatever it reads, against the shipped policy: nothing unsafe may reach the sink
	@$(NEEDS) base
	$(BIN)/due redteam run

redteam-controls: ## plant one bypass after the other: the red team must find each out
	@$(NEEDS) base models test
	$(BIN)/python tools/redteam.py

search: ## search for an argument that runs and that nobody vouches for, SAMPLES=N
	@$(NEEDS) base models test
	$(BIN)/python tools/redteam_search.py $(if $(SAMPLES),--samples $(SAMPLES))

mutants: ## break the pure rooms on purpose and count what the tests notice, SAMPLE=N for a part
	@$(NEEDS) base models databases test
	$(BIN)/python tools/mutants.py $(if $(SAMPLE),--sample $(SAMPLE))

mutants-sample: ## the same for 150 of the changes, always the same ones
	@$(NEEDS) base models databases test
	$(BIN)/python tools/mutants.py --sample 150

bench-smoke: ## every measurement once, with small counts: it runs, and says what it says
	@$(NEEDS) base models bench
	$(BIN)/python -m bench --quick

lock: ## resolve the hashed requirement files anew
	@$(PYTHON) tools/lock.py

clean: ## remove all that the targets made
	rm -rf .venv .tools build dist .pytest_cache .hypothesis .ruff_cache .import_linter_cache .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
