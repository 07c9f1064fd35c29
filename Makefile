# Set-up, demo, tests and checks. Everything is installed into .venv, made on first use by deployments/setup.sh.
SHELL := bash
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format requirements clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## make .venv with everything that RISE needs (FLAVOUR=cpu or cuda; default: by the machine)
	@deployments/setup.sh

demo: setup  ## run the demo: a tiny model, from its base to the final report
	$(BIN)/rise run demo

test: setup  ## run the tests (ARGS="-k name" passes arguments to pytest)
	@deployments/browser.sh
	$(BIN)/python -m pytest --durations=10 $(ARGS)

lint: setup  ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## format the code and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

requirements:  ## compile requirements/*.in into pinned *.txt (ARGS=-U takes the newest versions)
	@deployments/compile-requirements.sh $(ARGS)

clean:  ## remove .venv and the caches; runs and checkpoints in rise-home stay
	rm -rf .venv .uv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
