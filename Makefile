# Everything from a fresh clone: a Python 3.11 or 3.12, make, and a package index are all that is needed.
# Ports, state and models: LOCAL_AWS_PORT, LOCAL_SOURCES_PORT, AIRFLOW_PORT, DASHBOARD_PORT, LOCAL_STATE_DIR, LOCAL_AWS_DETECTOR,
# LOCAL_AWS_DETECTOR_LABELS, LOCAL_AWS_SPEECH_MODEL (include/settings.py).

UV_VERSION := 0.13.8
export UV_VERSION
export PYTHON
export MEDIA
export CAMPAIGN
export BATCH
export ARGS
# of the command line alone: some shells export these names for purposes of their own
ifneq ($(origin NAME),command line)
NAME :=
endif
ifneq ($(origin N),command line)
N :=
endif
export NAME
export N
# which many containers set: every process, each task among them, would compile anew what it imports
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
STACK := PYTHONPATH=.:docker/stack $(PY) -m local_stack

.DEFAULT_GOAL := help
.PHONY: help demo up down status logs burst test lint docs bench check requirements clean venv venv-dev

help:  ## this list
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: venv  ## start the stack, run the pipelines, show what landed; MEDIA=<folder> CAMPAIGN=<name> BATCH=<n>
	@$(STACK) demo $${MEDIA:+--media "$$MEDIA"} $${CAMPAIGN:+--campaign "$$CAMPAIGN"} $${BATCH:+--batch-size "$$BATCH"}

up: venv  ## start local AWS, stand-in sources and Airflow, wait until they are healthy; MEDIA=<folder>
	@$(STACK) up $${MEDIA:+--media "$$MEDIA"}

down:  ## stop all of it, leave no process
	@if [ -x $(PY) ] || ls .local/run/*.json >/dev/null 2>&1; then sh docker/stack/venv.sh run && $(STACK) down; \
	else echo "nothing is running"; fi

status: venv  ## what runs, how well, with how much memory
	@$(STACK) status

logs: venv  ## the ends of the logs; NAME=<component> N=<lines> ARGS=-f
	@$(STACK) logs $${NAME:+"$$NAME"} $${N:+--lines "$$N"} $$ARGS

test: venv-dev  ## the whole test suite; ARGS="-q tests/include"
	@CHROMIUM_PATH="$$(bash tests/e2e/install_browser.sh)"; export CHROMIUM_PATH; \
	$(PY) -m pytest $${ARGS:--n 3 --dist loadscope}

lint: venv-dev  ## ruff, which fixes nothing, and the types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

burst: venv  ## many uploads at once on the running stack, with kills, and a check that nothing was lost; N=<uploads>
	@$(STACK) burst $${N:+--uploads "$$N"}

docs: venv  ## write dags/DAGS.md and docs/schemas from the sources
	@$(PY) docs/generate.py

bench: venv-dev  ## speed, memory and accuracy against peers, in one run; MEDIA=<labelled folder>
	@$(PY) -m benchmarks $${MEDIA:+--media "$$MEDIA"} $$ARGS

check: lint  ## all that CI does: lint, fresh pages, tests
	@$(PY) docs/generate.py --check
	@$(MAKE) --no-print-directory test

COMPILE := .venv/bin/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header

requirements: venv  ## pin anew what requirements*.in ask for
	@$(COMPILE) requirements.in -o requirements.txt
	@$(COMPILE) requirements-dev.in -c requirements.txt -o requirements-dev.txt
	@$(COMPILE) docker/aws/requirements.in -c requirements.txt --override docker/aws/overrides.txt -o docker/aws/requirements.txt
	@$(COMPILE) docker/sources/requirements.in -c requirements.txt -o docker/sources/requirements.txt

clean: down  ## stop the stack; remove .local, .venv and the tools' caches
	@rm -rf .local .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@sh docker/stack/venv.sh run

venv-dev:
	@sh docker/stack/venv.sh dev
