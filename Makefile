# make model SPEC=recipes/qa.yaml                      build a recipe into outputs/<name>
# make model SPEC=recipes/qa.yaml ARGS="training=fast"  the same with overrides
PYTHON ?= python3
SPEC   ?= recipes/qa.yaml
SWEEP  ?= student=minilm,tiny_seq2seq
ARGS   ?=
DATA   ?= ../shared/data
BIN    := .venv/bin
PYTEST := -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
# Tests start some hundred processes: each has a core, and finds p2m compiled.
test test-all: export OMP_NUM_THREADS = 1
.DEFAULT_GOAL := help
.PHONY: setup model test test-all lint sweep bench reader curated docs axe clean help

.venv/.p2m: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,embedded,teachers,serve]'
	@touch $@
.venv/.dev: .venv/.p2m
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,embedded,teachers,serve,local,lora,dev]'
	@touch $@

setup: .venv/.p2m  ## make .venv with the console script p2m
model: .venv/.p2m  ## build SPEC into outputs/<name>; ARGS="student=tiny_seq2seq" overrides
	@$(BIN)/p2m build $(SPEC) $(ARGS)
test: lint  ## lint, types and the test suite (about ten minutes on two cores)
	$(BIN)/python -m compileall -q p2m && $(BIN)/python -m pytest $(PYTEST)
test-all: lint  ## the longer proofs too
	$(BIN)/python -m compileall -q p2m && $(BIN)/python -m pytest $(PYTEST) -m "slow or not slow"
lint: .venv/.dev  ## ruff check, ruff format --check, mypy
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
sweep: .venv/.p2m  ## build SPEC for every choice in SWEEP="student=a,b", then a leaderboard
	@$(BIN)/p2m build $(SPEC) -m $(SWEEP) $(ARGS)
bench: .venv/.dev  ## every benchmark on DATA (a folder of datasets); fails at the end where a bar was missed
	@missed=; for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script $(DATA) || missed="$$missed $$script"; done; \
	test -z "$$missed" || { echo "a bar was missed, or nothing ran:$$missed"; exit 1; }
reader: .venv/.dev  ## learn the reading of prompts again, from recipes/data/prompts
	$(BIN)/python recipes/data/prompts/make.py && $(BIN)/p2m build recipes/prompts.yaml && cp $(addprefix outputs/prompts/model/,linear.npz terms.json predictor.json) p2m/parsing/reader/
curated: .venv/.dev  ## make the catalogues that ship again, from recipes/data/curated
	$(BIN)/python recipes/data/curated/make.py
axe:  ## fetch axe-core (npm), by which tests of pages check accessibility
	npm install --silent --no-audit --no-fund --prefix "$${XDG_CACHE_HOME:-$$HOME/.cache}/p2m/axe" axe-core@4.14.1
docs: .venv/.dev  ## the site of docs/, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo "site/index.html"
clean:  ## remove bundles and build leavings; the store, its ledger and what was tracked stay
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache && find outputs -mindepth 1 -maxdepth 1 ! -name .store ! -name .tracking -exec rm -rf {} + 2>/dev/null || true
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 12
