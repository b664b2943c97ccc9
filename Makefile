# The two that matter: make investigate, make test. Each needs git, make and Python 3.11 or newer, nothing else.

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.installed
NOTEBOOKS = $(wildcard notebooks/*.ipynb)

.DEFAULT_GOAL := help
.PHONY: help investigate test lab lint notebooks sweep bench bench-rebuild lock clean

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

investigate: $(READY) ## Trace a wrong balance to its event, repair it, write the report
	@$(VENV)/bin/esworkbench investigate

test: $(READY) ## Run the tests, on every core
	$(PY) -m pytest -n $(shell expr $$(nproc) + 1) --dist loadscope --no-loadscope-reorder

lab: $(READY) ## Open JupyterLab on the notebooks
	@$(VENV)/bin/esworkbench lab

lint: $(READY) ## Style, formatting, types, and the floors of the house
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

notebooks: $(READY) ## Run every notebook and compare its marked outputs
	@if [ -z "$(NOTEBOOKS)" ]; then echo "notebooks/ holds no notebook"; \
	else $(PY) -m pytest -n $(shell expr $$(nproc) + 1) --dist loadscope --nbval-lax --nbval-current-env notebooks/; fi

sweep: $(READY) ## The long tests over many seeds, then every fault by seed and engine; goes on where it was stopped
	$(PY) -m pytest -m sweep
	$(PY) -m benchmarks.confusion

bench: $(READY) ## Measure beside a peer library and the bare database
	$(PY) -m benchmarks

bench-rebuild: $(READY) ## Measure every way to rebuild, for most of an hour
	$(PY) -m benchmarks.rebuilding

lock: $(READY) ## Resolve pyproject.toml anew into requirements/locked.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --python-version 3.11 \
		--all-extras pyproject.toml -o requirements/locked.txt

clean: ## Remove .venv, builds and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements/bootstrap.txt requirements/locked.txt requirements/install.sh
	@sh requirements/install.sh
