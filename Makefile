# Everything that can be done with Sitewatch on this machine. `make run` and `make test` are all that one has to know.
#
# PYTHON=python3.13   the interpreter to set up with (3.11 or later)
# PORT=4566           the emulator's port
# SIMULATE=off        leave every schedule disabled
# FILE= STREAM=       for `make ingest`: a CSV or JSON Lines file, or - for standard input; another stream
# BIND=               the address that the emulator listens on (default: 127.0.0.1; see docs/sam-local.md)
# API_PORT=3000 WARM=EAGER PULL=on        for `make sam-local`: its port, LAZY containers, whether to pull their image
# FUNCTION= EVENT=    for `make invoke`: post_users or PostUsersFunction, and a file if not its sample
# LOCALSTACK_ENDPOINT= LOCALSTACK_FROM_FUNCTIONS=   for `make localstack`: where it answers, and where to its functions
# BASE_URL= ENGINE= ENDPOINT= RESULTS=    for `make conformance`: see docs/engines.md
# QUEUE= STACK=       for `make redrive`: the queue's name, and its stack where that is on AWS
PYTHON ?= python3
PORT ?=
SIMULATE ?=
FILE ?=
STREAM ?=
QUEUE ?=
STACK ?=

VENV_PYTHON := .venv/bin/python
RUNNER := $(VENV_PYTHON) -m runner
SOURCES := functions layers runner tests
export PORT SIMULATE

.DEFAULT_GOAL := help
.PHONY: help run up down logs status reset test newman lint types unit ingest redrive bench-pipeline bench-messages bench-functions openapi assets lock venv venv-dev python

help: ## show this
	@echo "make run    sets Sitewatch up and runs it until Ctrl-C"
	@echo "make test   sets it up and runs the linters, the type checker and every test"
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  %-18s %s\n' "$$name" "$$what"; done

python:
	@command -v $(PYTHON) >/dev/null || { echo "Sitewatch needs Python 3.11 or later; there is no $(PYTHON) here." >&2; exit 1; }

venv: python
	@$(PYTHON) runner/bootstrap.py local

venv-dev: python
	@$(PYTHON) runner/bootstrap.py dev

run: venv ## build, start the emulator, deploy, show what to try; Ctrl-C stops it
	@$(RUNNER) run

up: venv ## the same, detached: returns when it is ready
	@$(RUNNER) up

down: venv ## stop it; the data stays
	@$(RUNNER) down

logs: venv ## follow the emulator's log, with the functions' own lines
	@$(RUNNER) logs

status: venv ## whether it runs, and where
	@$(RUNNER) status

reset: venv ## stop it and delete the local data
	@$(RUNNER) reset

# --- engines beside the emulator: docs/sam-local.md, docs/localstack.md, docs/engines.md
BIND ?=
API_PORT ?=
WARM ?=
PULL ?=
FUNCTION ?=
EVENT ?=
LOCALSTACK_ENDPOINT ?=
LOCALSTACK_FROM_FUNCTIONS ?=
BASE_URL ?=
ENGINE ?=
ENDPOINT ?=
RESULTS ?=
export BIND API_PORT WARM PULL
.PHONY: sam-local invoke localstack conformance engines

sam-local: venv ## the functions in Lambda's runtime image, the data on the emulator; needs Docker; Ctrl-C stops both
	@$(RUNNER) sam-local

invoke: venv ## run one function in a container: FUNCTION=post_users [EVENT=event.json]
	@$(RUNNER) invoke "$(FUNCTION)" "$(EVENT)"

localstack: venv ## deploy to a LocalStack that runs: LOCALSTACK_ENDPOINT=http://127.0.0.1:4566
	@$(VENV_PYTHON) -m runner.localstack $(if $(LOCALSTACK_ENDPOINT),--endpoint "$(LOCALSTACK_ENDPOINT)") \
		$(if $(LOCALSTACK_FROM_FUNCTIONS),--from-functions "$(LOCALSTACK_FROM_FUNCTIONS)")

conformance: venv-dev ## hold the contract against any deployment: BASE_URL=… ENGINE=aws|localstack|sam-local|emulator
	@test -n "$(BASE_URL)" || { echo "BASE_URL is the deployment's; .local/stack.json has that of make up." >&2; exit 2; }
	@BASE_URL="$(BASE_URL)" ENGINE="$(ENGINE)" ENDPOINT="$(ENDPOINT)" STACK="$(STACK)" RESULTS="$(RESULTS)" \
		$(VENV_PYTHON) -m pytest tests/integration -m conformance

engines: venv-dev ## write the table of docs/engines.md from the runs in docs/engines/
	@$(VENV_PYTHON) -m runner.documents.engines

ingest: venv ## put a file of vehicles on the stream: FILE=vehicles.csv [STREAM=name]
	@$(VENV_PYTHON) -m runner.ingest "$(FILE)" $(if $(STREAM),--stream "$(STREAM)")

redrive: venv ## send the messages of a dead-letter queue again: QUEUE=jobs [STACK=name, on AWS]
	@$(VENV_PYTHON) -m runner.redrive "$(QUEUE)" $(if $(STACK),--stack "$(STACK)")

# The test of the Postman collection is skipped where this can not be done.
newman:
	@command -v npm >/dev/null || exit 0; cd tests/newman && \
		{ [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; } || \
		echo "newman could not be installed; the test of the Postman collection is skipped."

test: venv-dev node-packages lint types ## lint, types and every test
	@$(VENV_PYTHON) -m pytest -n auto --dist loadgroup --cov

# The built assets are committed: without Node everything runs, only the tests that rebuild them do not.
.PHONY: node-packages
node-packages:
	@if ! command -v npm >/dev/null; then echo "No Node.js: the assets are not rebuilt and axe does not look at the dashboard."; \
	elif ! cmp -s web/package-lock.json web/node_modules/.locked; then \
		npm ci --prefix web --no-audit --no-fund --loglevel=error && cp web/package-lock.json web/node_modules/.locked || \
		echo "The dashboard's packages could not be installed; the test that rebuilds its files is skipped."; fi

.PHONY: browser
browser: venv-dev node-packages ## the dashboard in a real headless Chromium (Debian: apt-get install chromium)
	@$(VENV_PYTHON) -m pytest tests/browser

assets: node-packages ## build the dashboard's files (needs Node.js)
	@node web/build.mjs

unit: venv-dev ## the fast tests alone, with their coverage
	@$(VENV_PYTHON) -m pytest tests/unit -n auto --cov --cov-report=term-missing:skip-covered

lint: venv-dev ## ruff, and cfn-lint through sam validate
	@$(VENV_PYTHON) -m ruff check $(SOURCES)
	@$(VENV_PYTHON) -m ruff format --check $(SOURCES)
	@$(RUNNER) validate

openapi: venv-dev ## write docs/openapi.json and the Postman collection from the functions' code
	@$(RUNNER).documents

types: venv-dev ## mypy, strict
	@$(VENV_PYTHON) -m mypy

bench-pipeline: venv-dev ## records a second through the pipeline, and the time to an alert
	@PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load.bench_pipeline

bench-messages: venv-dev ## the time from POST /messages to its notification, one by one and many at once
	@PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load.bench_messages

bench-functions: venv-dev ## import and warm times of every function beside a bare one
	@PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load.bench_functions

# Needs uv on the PATH (pip install uv). Each file is locked within the one before it, so that they agree.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-config --no-emit-index-url --no-emit-find-links
LAYER := layers/dependencies
lock: ## renew the locked requirements from the .in files
	$(COMPILE) requirements/local.in -o requirements/local.txt
	$(COMPILE) $(LAYER)/requirements.in -c requirements/local.txt -o $(LAYER)/requirements.txt
	$(COMPILE) requirements/dev.in -c requirements/local.txt -c $(LAYER)/requirements.txt -o requirements/dev.txt
