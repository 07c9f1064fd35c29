# Set-up, demo, tests and checks. Everything is installed into .venv, made on first use by deployments/setup.sh.
SHELL := bash
BIN := .venv/bin
PORT := 4200
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=20
.DEFAULT_GOAL := help
.PHONY: help setup demo server stop test test-all fuzz faults bench lint format docs requirements clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## make .venv with everything that RISE needs (FLAVOUR=cpu or cuda; default: by the machine)
	@deployments/setup.sh

demo: setup  ## run the demo: a tiny model, its base, two RISE iterations, both compared
	$(BIN)/rise run demo
	$(BIN)/rise compare demo@0 demo

server: setup  ## start a local Prefect server, a worker and the report pages, deploy, print the URLs (PORT=4200)
	@$(BIN)/python -m deployments.server start --port $(PORT)

stop: setup  ## end what `make server` started
	@$(BIN)/python -m deployments.server stop

test: setup  ## test every module and one whole iteration, two files at a time (ARGS="-k name" goes to pytest)
	$(PYTEST) -m "not (run or fault or deployment or browser or docs or fuzz)" $(ARGS)

test-all: setup  ## run every test: also faults, deployments, the pages' commands, browser, fuzz (ARGS as above)
	-@deployments/browser.sh
	$(PYTEST) $(ARGS)

fuzz: setup  ## hostile input to every parser, 10,000 a target and more than an hour (ARGS="-k config")
	RISE_FUZZ=$${RISE_FUZZ:-10000} $(BIN)/python -m pytest tests/fuzz --durations=20 $(ARGS)

faults: setup  ## put faults into real runs, write the table of docs/reliability.md (ARGS="--tries 3 --only NAME --seed N")
	$(BIN)/python -m tests.faults $(ARGS)

bench: setup  ## run every benchmark, hours, and fill docs/performance.md (ARGS=--smoke: small, page untouched)
	$(BIN)/python benchmarks/all.py $(ARGS)

lint: setup  ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## format the code and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup  ## write the reference tables of docs/ anew, from the config and the lake
	$(BIN)/python docs/generate.py

requirements:  ## compile requirements/*.in into pinned *.txt (ARGS=-U takes the newest versions)
	@deployments/compile-requirements.sh $(ARGS)

clean:  ## remove .venv and the caches; runs and checkpoints in rise-home stay
	rm -rf .venv .uv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
