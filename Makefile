# Everything that a person types here. `make` alone lists it.

PYTHON ?= python3
STAGE ?= dev
BIN := .venv/bin
export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help
.PHONY: help setup run demo test simulate fuzz mutate lint bench docs gameday build deploy lock clean

help: ## say what there is
	@echo 'make TARGET, where TARGET is one of:'
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  \1\t\2/p' Makefile | expand -t 12

setup: ## make .venv ready (the other targets do it automatically); PYTHON=python3.13 chooses the interpreter
	@$(PYTHON) scripts/bootstrap.py

run: setup ## run the whole pipeline on this machine until Ctrl-C; PORT=8080 chooses the port
	@$(BIN)/python -m scripts.local.run --port '$(PORT)'

demo: setup ## the same, but end after the story; fails when its numbers do not add up
	@$(BIN)/python -m scripts.local.run --port '$(PORT)' --once

test: setup ## all tests; those of the local engine in one process after the others
	$(BIN)/python -m pytest -q -n auto --ignore=tests/e2e
	$(BIN)/python -m pytest -q tests/e2e

simulate: setup ## the pipeline under SEEDS seeds of faults (2,000), to the first that fails; SEED=s begins there or shows that seed alone
	@$(BIN)/python -m tests.simulation --seeds '$(SEEDS)' --seed '$(SEED)'

fuzz: setup ## COUNT requests that nobody meant to send (100,000) to all functions behind the API; SEED=s repeats a round
	@$(BIN)/python -m tests.fuzz --count '$(COUNT)' --seed '$(SEED)'

mutate: setup ## break COUNT single lines (300) and show the breaks that neither tests nor simulation notice; SEED=s chooses others
	@$(BIN)/python -m tests.mutation --count '$(COUNT)' --seed '$(SEED)' $(ARGS)

lint: setup ## ruff, mypy, cfn-lint, sam validate
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cfn-lint && $(BIN)/sam validate --lint --region us-east-1

bench: setup ## measure cost, rate, CPU and cold start; ARGS=--save renews the figures in README.md and docs/
	@PYTHONPATH=src $(BIN)/python -m benchmarks $(ARGS)

docs: setup ## renew the tables of docs/reference and draw the diagrams of docs/diagrams (these need Node.js)
	@PYTHONPATH=src $(BIN)/python -m scripts.docs

gameday: setup ## break the pipeline on purpose and check the outcome; SCENARIO=poison, without one lists them
	@$(BIN)/python -m scripts.gameday $(if $(SCENARIO),'$(SCENARIO)') $(ARGS)

build: setup ## package the functions (sam build)
	$(BIN)/sam build

deploy: setup ## build and deploy to AWS; STAGE=dev, EMAIL=address for alarms, OVERRIDES="Name=value ...", CI=1 asks nothing
	@$(BIN)/python -m scripts.deploy --stage '$(STAGE)' --overrides "$$OVERRIDES" \
	  $(if $(filter command,$(origin EMAIL)),--email "$$EMAIL") $(ARGS) # many a shell has an EMAIL for other programs

lock: setup ## pin the development packages again from requirements-dev.in
	$(BIN)/uv pip compile --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt \
	  --no-header --custom-compile-command "make lock"

clean: ## remove what was made, except .venv
	rm -rf .local .aws-sam .hypothesis .mypy_cache .pytest_cache .ruff_cache build
	find src scripts tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
