# Everything that can be done with Sitewatch on this machine. `make run` and `make test` are all that one has to know.
#
# PYTHON=python3.13   the interpreter to set up with (3.11 or later)
# PORT=4566           the emulator's port
# SIMULATE=off        leave every schedule disabled
# FILE= STREAM=       for `make ingest`: a CSV or JSON Lines file, or - for standard input; another stream
# ENV=prod            for `make deploy`: the environment of samconfig.toml
# STACK=              for redrive, quarantine, logs and rotate-key: a stack on AWS; without it, the local system
# QUEUE= FUNCTION=    for `make redrive`, and `make logs` and `make invoke`: names in template.yaml
# SHOW= REINGEST= DROP=  for `make quarantine`: a record's id, or all
# BIND=               the address that the emulator listens on (default: 127.0.0.1; see docs/sam-local.md)
# API_PORT=3000 WARM=EAGER PULL=on        for `make sam-local`: its port, LAZY containers, whether to pull their image
# EVENT=              for `make invoke`: a file, if not the function's sample
# LOCALSTACK_ENDPOINT= LOCALSTACK_FROM_FUNCTIONS=   for `make localstack`: where it answers, and where to its functions
# BASE_URL= ENGINE= ENDPOINT= RESULTS=    for `make conformance`: see docs/engines.md
PYTHON ?= python3
PORT ?=
SIMULATE ?=
FILE ?=
STREAM ?=
ENV ?= prod
QUEUE ?=
FUNCTION ?=
SHOW ?=
REINGEST ?=
DROP ?=
RETIRE ?=
FORCE ?=
TABLE ?=
AT ?=
BACKUP ?=
FROM ?=
EXACT ?=
STACK ?=

VENV_PYTHON := .venv/bin/python
RUNNER := $(VENV_PYTHON) -m runner
SOURCES := functions layers lint runner tests
export PORT SIMULATE
# Where an environment forbids Python to keep what it compiles, every command here would compile its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run up down logs status reset test newman deploy lint types unit ingest redrive bench-pipeline bench-messages bench-memory bench-dashboard bench-functions openapi assets lock venv venv-dev python

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

logs: venv ## follow the emulator's log, or one function's lines on any engine: FUNCTION=IndexDetections [STACK=name]
	@$(if $(FUNCTION)$(STACK),$(RUNNER).operate.logs "$(FUNCTION)" $(OF_STACK),$(RUNNER) logs)

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
	@$(VENV_PYTHON) -m runner.engines.localstack $(if $(LOCALSTACK_ENDPOINT),--endpoint "$(LOCALSTACK_ENDPOINT)") \
		$(if $(LOCALSTACK_FROM_FUNCTIONS),--from-functions "$(LOCALSTACK_FROM_FUNCTIONS)")

conformance: venv-dev ## hold the contract against any deployment: BASE_URL=… ENGINE=aws|localstack|sam-local|emulator
	@test -n "$(BASE_URL)" || { echo "BASE_URL is the deployment's; .local/stack.json has that of make up." >&2; exit 2; }
	@BASE_URL="$(BASE_URL)" ENGINE="$(ENGINE)" ENDPOINT="$(ENDPOINT)" STACK="$(STACK)" RESULTS="$(RESULTS)" \
		$(VENV_PYTHON) -m pytest tests/integration -m conformance

engines: venv-dev ## write the table of docs/engines.md from the runs in docs/engines/
	@$(VENV_PYTHON) -m runner.documents.engines

ingest: venv ## put a file of vehicles on the stream: FILE=vehicles.csv [STREAM=name]
	@$(VENV_PYTHON) -m runner.operate.ingest "$(FILE)" $(if $(STREAM),--stream "$(STREAM)")

# STACK= names a stack that your own AWS settings reach; without it these are about the local system.
OF_STACK = $(if $(STACK),--stack "$(STACK)")
.PHONY: quarantine
redrive: venv ## list the dead-letter queues, or send one's messages again: QUEUE=jobs [STACK=name]
	@$(RUNNER).operate.redrive "$(QUEUE)" $(OF_STACK)

quarantine: venv ## list what was no detection; SHOW=id, REINGEST=id [FILE=fixed.json] or DROP=id [STACK=name]
	@$(RUNNER).operate.quarantine $(if $(SHOW),--show "$(SHOW)") $(if $(REINGEST),--reingest "$(REINGEST)") \
		$(if $(DROP),--drop "$(DROP)") $(if $(FILE),--file "$(FILE)") $(OF_STACK)

.PHONY: replay
replay: venv ## hand the index the batches of the stream that Lambda gave up on [STACK=name]
	@$(RUNNER).operate.replay $(OF_STACK)

.PHONY: rotate-key
rotate-key: venv ## change the key that signs tokens; RETIRE=yes [FORCE=yes] ends the old one [STACK=name]
	@$(RUNNER).operate.rotate_key $(if $(filter yes,$(RETIRE)),--retire) $(if $(filter yes,$(FORCE)),--force) $(OF_STACK)

.PHONY: restore
restore: venv ## put a table's items back: TABLE=Users, AT=time or BACKUP=arn [EXACT=yes] [STACK=name]
	@$(RUNNER).operate.restore "$(TABLE)" $(if $(AT),--at "$(AT)") $(if $(BACKUP),--backup "$(BACKUP)") \
		$(if $(FROM),--from "$(FROM)") $(if $(filter yes,$(EXACT)),--exact) $(OF_STACK)

# Wheels of Lambda's runtime and processor, whatever this machine is; byte-compiled where it has a python3.13.
FOR_AWS := RUNTIME=python3.13 ARCHITECTURE=arm64 SAM_CLI_TELEMETRY=0 \
	PYTHON="$$(python3.13 -c 'import pip, sys; print(sys.executable)' 2>/dev/null || echo "$(CURDIR)/$(VENV_PYTHON)")"
deploy: venv ## build for AWS, show the changes and deploy them once you say so (docs/production.md)
	@test "$(ENV)" = prod || { echo "make deploy is for ENV=prod; make up deploys to this machine." >&2; exit 2; }
	@$(FOR_AWS) .venv/bin/sam build --config-env $(ENV)
	@$(FOR_AWS) .venv/bin/sam deploy --config-env $(ENV)

# The test of the Postman collection is skipped where this can not be done.
newman:
	@command -v npm >/dev/null || exit 0; cd tests/newman && \
		{ [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; } || \
		echo "newman could not be installed; the test of the Postman collection is skipped."

# One more than there are processors: the tests of the deployed system wait more than they work.
WORKERS = $$($(VENV_PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
test: venv-dev newman node-packages ## lint, types and every test
	@$(MAKE) --no-print-directory --jobs=2 --output-sync lint types
	@$(VENV_PYTHON) -m pytest -n $(WORKERS) --dist loadgroup --cov

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

lint: venv-dev ## ruff, cfn-lint (through sam validate) and our own rules over the templates
	@$(VENV_PYTHON) -m ruff check $(SOURCES)
	@$(VENV_PYTHON) -m ruff format --check $(SOURCES)
	@$(RUNNER) validate
	@.venv/bin/cfn-lint monitoring.yaml
	@$(VENV_PYTHON) -m lint

openapi: venv-dev ## write docs/openapi.json and the Postman collection from the functions' code
	@$(RUNNER).documents

types: venv-dev ## mypy, strict
	@$(VENV_PYTHON) -m mypy

bench-pipeline: venv-dev ## records a second through the pipeline, and the time to an alert
	@PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load.bench_pipeline

bench-messages: venv-dev ## the time from POST /messages to its notification, one by one and many at once
	@PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load.bench_messages

bench-memory: venv-dev ## the memory of the local system with every function warm
	@PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load.bench_memory

bench-dashboard: venv-dev ## how soon the dashboard's first view is there
	@PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load.bench_dashboard

bench-functions: venv-dev ## import and warm times of every function beside a bare one
	@PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load.bench_functions

.PHONY: costs
costs: venv-dev ## write docs/costs.md: what a million detections, messages and readings cost
	@PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load.costs

# Needs uv on the PATH (pip install uv). Each file is locked within the one before it, so that they agree.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-config --no-emit-index-url --no-emit-find-links
LAYER := layers/dependencies
lock: ## renew the locked requirements from the .in files
	$(COMPILE) requirements/emulator.in -o requirements/emulator.txt
	$(COMPILE) requirements/local.in -c requirements/emulator.txt -o requirements/local.txt
	$(COMPILE) $(LAYER)/requirements.in -c requirements/local.txt -o $(LAYER)/requirements.txt
	$(COMPILE) requirements/dev.in -c requirements/local.txt -c $(LAYER)/requirements.txt -o requirements/dev.txt
