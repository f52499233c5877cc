# Every command for Sitewatch on this machine. `make run` and `make test` are enough to start with.
#
# A command reads these variables from the environment, where make puts them: make up PORT=4600. `python -m runner --help`
# lists the commands, and each command's --help its variables.
#
# PYTHON=python3.13   the interpreter to set up with (3.11 or later)
# PORT=4566           the emulator's port
# SIMULATE=off        disables every schedule
# CORS_ORIGINS=       origins whose pages may call the API, for a front end on another port: http://localhost:3000
# BIND=               the address that the emulator listens on (default: 127.0.0.1; see docs/sam-local.md)
# FILE= KIND= ENCODING=     for `make ingest`: a CSV or JSON Lines file, or - for standard input; detections (the default),
#                     readings or events; the file's encoding, if it is not UTF-8 or UTF-16
# SOURCE= STREAM=     for its detections: their source, if it is not the file's name; another stream
# BASE_URL= TOKEN=    for its readings and events: another deployment, and a token for it
# ENV=prod            for `make deploy`: the environment of samconfig.toml
# STACK=              for the commands on a deployed stack: its name on AWS; without it, the local system
# QUEUE= FUNCTION= TABLE=   names in template.yaml
# SHOW= REINGEST= DROP=     for `make quarantine`: a record's id, or all
# RETIRE=yes FORCE=yes      for `make rotate-key`
# USER=               for `make admin`: a username
# AT= BACKUP= FROM= EXACT=yes   for `make restore`
# API_PORT=3000 WARM=EAGER PULL=on   for `make sam-local`: its port, LAZY containers, whether to pull their image
# EVENT=              for `make invoke`: a file, if not the function's sample
# FUZZ_EXAMPLES=100   for `make fuzz`
# LOCALSTACK_ENDPOINT= LOCALSTACK_FROM_FUNCTIONS= WORKAROUNDS=auto   for `make localstack`: its address, and that for functions
# BASE_URL= ENGINE= ENDPOINT= RESULTS=    for `make conformance`: see docs/engines.md
PYTHON ?= python3

VENV_PYTHON := .venv/bin/python
RUNNER := $(VENV_PYTHON) -m runner
SOURCES := functions layers lint runner tests
# If an environment keeps Python from storing bytecode, every command here would compile its libraries again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: admin assets audit bench-dashboard bench-functions bench-growth bench-incidents bench-lists bench-memory bench-messages bench-peers bench-pipeline bench-rules browser conformance costs deploy down engines fuzz help ingest invoke lint localstack lock logs newman node-packages openapi python quarantine redrive replay reset restore rotate-key run sam-local status test types unit up venv venv-dev

help: ## show this
	@echo "make run    sets Sitewatch up and runs it until Ctrl-C"
	@echo "make test   sets it up and runs the linters, the type checker and every test"
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  %-18s %s\n' "$$name" "$$what"; done

python:
	@command -v "$(PYTHON)" >/dev/null || { echo "Sitewatch needs Python 3.11 or later; there is no $(PYTHON) here." >&2; exit 1; }

venv: python
	@"$(PYTHON)" runner/bootstrap.py local

venv-dev: python
	@"$(PYTHON)" runner/bootstrap.py dev

run: venv ## build, start the emulator, deploy, show what to try; Ctrl-C stops it
	@$(RUNNER) run

up: venv ## the same, detached: returns when it is ready
	@$(RUNNER) up

down: venv ## stop it; the data stays
	@$(RUNNER) down

logs: venv ## follow the emulator's log, or one function's lines on any engine: FUNCTION=IndexDetections [STACK=name]
	@$(RUNNER) logs

status: venv ## show whether it is running, and where
	@$(RUNNER) status

reset: venv ## stop it and delete the local data
	@$(RUNNER) reset

# --- other engines than the emulator: docs/sam-local.md, docs/localstack.md, docs/engines.md

sam-local: venv ## run the functions in Lambda's runtime image, with their data on the emulator; needs Docker; Ctrl-C stops both
	@$(RUNNER) sam-local

invoke: venv ## run one function in a container: FUNCTION=post_users [EVENT=event.json]
	@$(RUNNER) invoke

localstack: venv ## deploy to a running LocalStack: LOCALSTACK_ENDPOINT=http://127.0.0.1:4566
	@$(RUNNER) localstack

conformance: venv-dev ## test any deployment against the contract: BASE_URL=… ENGINE=aws|localstack|sam-local|emulator
	@test -n "$(BASE_URL)" || { echo "Set BASE_URL to the deployment's; make up writes its own to .local/stack.json." >&2; exit 2; }
	@$(VENV_PYTHON) -m pytest tests/integration -m conformance

engines: venv-dev ## write the tables of docs/engines.md from the runs in docs/engines/
	@$(RUNNER) engines

# --- operating a deployed system: docs/production.md, docs/operations.md

deploy: venv ## build for AWS, show the changes and deploy them after you confirm (docs/production.md)
	@$(RUNNER) deploy

ingest: venv ## import a file of detections: FILE=vehicles.csv; or KIND=readings|events (docs/ingest.md)
	@$(RUNNER) ingest

redrive: venv ## list the dead-letter queues, or send one's messages again: QUEUE=jobs [STACK=name]
	@$(RUNNER) redrive

quarantine: venv ## list rejected records; SHOW=id, REINGEST=id [FILE=fixed.json] or DROP=id [STACK=name]
	@$(RUNNER) quarantine

replay: venv ## index the batches of the stream that Lambda gave up on [STACK=name]
	@$(RUNNER) replay

rotate-key: venv ## change the key that signs tokens; RETIRE=yes [FORCE=yes] ends the old one [STACK=name]
	@$(RUNNER) rotate-key

# $(origin): every shell has a USER, and that is not meant.
admin: venv ## a token to reset a user's password, if every administrator has lost theirs: USER=name [STACK=name]
	@$(if $(filter command line,$(origin USER)),,echo "Set USER: make admin USER=admin" >&2; exit 2;) $(RUNNER) admin '$(USER)'

restore: venv ## put a table's items back: TABLE=Users, AT=time or BACKUP=arn [EXACT=yes] [STACK=name]
	@$(RUNNER) restore

# Without npm, the test of the Postman collection is skipped.
newman:
	@command -v npm >/dev/null || exit 0; cd tests/newman && \
		{ [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; } || \
		echo "newman could not be installed; the test of the Postman collection is skipped."

# One more than there are processors: the tests of the deployed system mostly wait.
WORKERS = $$($(VENV_PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
test: venv-dev newman node-packages ## lint, types and every test
	@$(MAKE) --no-print-directory --jobs=2 --output-sync lint types
	@$(VENV_PYTHON) -m pytest -n $(WORKERS) --dist loadgroup --cov

# The built assets are committed: without Node everything works except the tests that rebuild them.
node-packages:
	@if ! command -v npm >/dev/null; then echo "No Node.js: the assets are not rebuilt and axe does not check the dashboard."; \
	elif ! cmp -s web/package-lock.json web/node_modules/.locked; then \
		npm ci --prefix web --no-audit --no-fund --loglevel=error && cp web/package-lock.json web/node_modules/.locked || \
		echo "The dashboard's packages could not be installed; the test that rebuilds its files is skipped."; fi

browser: venv-dev node-packages ## the dashboard in a real headless Chromium (Debian: apt-get install chromium)
	@$(VENV_PYTHON) -m pytest tests/browser

assets: node-packages ## build the dashboard's files (needs Node.js)
	@node web/build.mjs

unit: venv-dev ## the fast tests alone, with their coverage
	@$(VENV_PYTHON) -m pytest tests/unit -n auto --cov --cov-report=term-missing:skip-covered

FUZZ_EXAMPLES ?= 100
fuzz: venv-dev ## call every route as in make test, with more inputs: FUZZ_EXAMPLES=100 for each
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(VENV_PYTHON) -m pytest tests/unit/test_conformity.py

lint: venv-dev ## ruff, cfn-lint (through sam validate) and our own rules over the templates
	@$(VENV_PYTHON) -m ruff check $(SOURCES)
	@$(VENV_PYTHON) -m ruff format --check $(SOURCES)
	@$(RUNNER) validate
	@.venv/bin/cfn-lint monitoring.yaml
	@$(VENV_PYTHON) -m lint

# Both ask a service that knows of published holes, so this is no part of `make test`. Needs uv on the PATH, and npm.
# Without --strict, packages that the service does not answer for would pass.
LOCKED = requirements/emulator.txt requirements/local.txt requirements/dev.txt layers/dependencies/requirements.txt \
	tests/load/peers/requirements.txt
audit: ## look up published security holes of every locked package; needs access to PyPI's and npm's advisories
	@command -v uv >/dev/null || { echo "make audit needs uv: pip install uv" >&2; exit 2; }
	@failed=0; \
	for file in $(LOCKED); do \
		echo "$$file"; uv tool run pip-audit --strict --disable-pip --require-hashes --requirement $$file || failed=1; \
	done; \
	for folder in web tests/newman; do \
		echo "$$folder/package-lock.json"; (cd $$folder && npm audit --package-lock-only) || failed=1; \
	done; \
	exit $$failed

openapi: venv-dev ## write docs/openapi.json and the Postman collection from the functions' code
	@$(RUNNER) documents

types: venv-dev ## mypy, strict
	@$(VENV_PYTHON) -m mypy

BENCH := PYTHONPATH=functions:layers/sitewatch/python:. $(VENV_PYTHON) -m tests.load
bench-incidents: venv-dev ## from a signal to its incident, and what live rules cost the pipeline
	@$(BENCH).bench_incidents

bench-pipeline: venv-dev ## the pipeline's records per second, and the time to an alert
	@$(BENCH).bench_pipeline

bench-messages: venv-dev ## the time from POST /messages to its notification, one at a time and concurrently
	@$(BENCH).bench_messages

bench-rules: venv-dev ## the processor time of signals against rules
	@$(BENCH).bench_rules

bench-memory: venv-dev ## the memory of the local system with every function warm
	@$(BENCH).bench_memory

bench-dashboard: venv-dev ## the time to the dashboard's first view
	@$(BENCH).bench_dashboard

bench-peers: venv-dev ## GET /detections and the stream compared with FastAPI, Powertools, Chalice, Litestar and plain boto3
	@$(BENCH).bench_peers

bench-functions: venv-dev ## import and first answer of every function compared with a plain one
	@$(BENCH).bench_functions

bench-lists: venv-dev ## the milliseconds of lists on the emulator with 10^3 to 10^5 items
	@$(BENCH).bench_lists

bench-growth: venv-dev ## the requests and read units of every list and sum as the data grows from 10^3 to 10^6 items
	@$(BENCH).bench_growth

costs: venv-dev ## write docs/costs.md: what a million detections, messages and readings cost
	@$(BENCH).costs

# Needs uv on the PATH (pip install uv). Each file is constrained by the one before, so that versions agree.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-config --no-emit-index-url --no-emit-find-links
LAYER := layers/dependencies
lock: ## renew the locked requirements from the .in files
	$(COMPILE) requirements/emulator.in -o requirements/emulator.txt
	$(COMPILE) requirements/local.in -c requirements/emulator.txt -o requirements/local.txt
	$(COMPILE) $(LAYER)/requirements.in -c requirements/local.txt -o $(LAYER)/requirements.txt
	$(COMPILE) requirements/dev.in -c requirements/local.txt -c $(LAYER)/requirements.txt -o requirements/dev.txt
	$(COMPILE) tests/load/peers/requirements.in -c $(LAYER)/requirements.txt -o tests/load/peers/requirements.txt
