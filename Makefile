# Tok: `make run` for the whole platform on this machine, `make test` for the suite. Both set themselves up.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
SCAN_VENV := .venv-scan
SCAN_READY := $(SCAN_VENV)/.ready
PLAN := $(CURDIR)/dist/plan.tfplan
LOCALCLOUD_DIR ?= .localcloud
export LOCALCLOUD_DIR PORT

# The first Python that is new enough.
SYSTEM_PYTHON = $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
REDOCLY := @redocly/cli@2.77.0

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## the virtual environment, with pinned and hashed dependencies

$(READY): requirements/dev.txt
	@test -n "$(SYSTEM_PYTHON)" || { echo "Tok needs Python 3.11 or newer as python3."; exit 1; }
	@echo "Setting up $(VENV) with $(SYSTEM_PYTHON); this is done once, and again when requirements/dev.txt changes."
	@test -x $(PYTHON) || $(SYSTEM_PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is missing (Debian: apt-get install python3-venv)."; exit 1; }
	@$(PYTHON) -m pip install --disable-pip-version-check --no-input --require-hashes --no-deps \
		-r requirements/dev.txt
	@touch $(READY)

.PHONY: run
run: setup ## start everything, connect a demo bank, serve until Ctrl-C (PORT=N, LOCALCLOUD_DIR=folder)
	@exec $(PYTHON) -m localcloud.stack $(ARGS)

.PHONY: test
test: setup ## the whole suite (ARGS=... for pytest)
	@$(PYTHON) -m pytest -n auto --dist worksteal -m "not google" $(ARGS)

.PHONY: test-google
test-google: setup ## the storage suite and the rules on Google's own emulator, where it is installed
	@$(PYTHON) -m pytest -m google $(ARGS)

.PHONY: check
check: check-format check-lint check-types check-imports check-openapi ## format, lint, types, architecture, OpenAPI

.PHONY: check-format check-lint check-types check-imports check-openapi
check-format: setup
	$(PYTHON) -m ruff format --check .
check-lint: setup
	$(PYTHON) -m ruff check .
check-types: setup
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy functions/organisation/main.py
check-imports: setup
	$(VENV)/bin/lint-imports
check-openapi: setup
	$(PYTHON) -m openapi_spec_validator docs/api/openapi.yaml
	@if ! command -v npx >/dev/null; then \
		echo "The OpenAPI linter (Redocly) needs Node, which is not here: skipped."; \
	elif ! npx --yes $(REDOCLY) --version </dev/null >/dev/null 2>&1; then \
		echo "The OpenAPI linter ($(REDOCLY)) cannot be had from the npm registry: skipped."; \
	else \
		npx --yes $(REDOCLY) lint docs/api/openapi.yaml </dev/null; \
	fi

.PHONY: firestore-descriptors
firestore-descriptors: setup ## Firestore's protocol as the pinned google-cloud-firestore declares it, for the reads
	@$(PYTHON) -m infra.firestore_descriptors

.PHONY: gateway-documents
gateway-documents: setup ## the gateway's documents that Terraform deploys, in dist/
	@$(PYTHON) -m infra.gateway_template

# With ../shared beside the repository, providers need not be downloaded: the tool has their schemas.
TERRAFORM_CHECK := ../shared/tools/terraform-check/terraform-check

.PHONY: check-terraform
check-terraform: check-terraform-format check-terraform-tests check-terraform-policies ## infra/terraform: format, validate, test, checkov

.PHONY: check-terraform-format check-terraform-tests check-terraform-policies
check-terraform-format:
	@if ! command -v terraform >/dev/null; then echo "terraform is not here: infra/terraform's format was not checked."; \
	else terraform fmt -check -recursive -diff infra/terraform; fi
check-terraform-tests: setup
	@if ! command -v terraform >/dev/null; then echo "terraform is not here: infra/terraform was not tested."; \
	elif [ -x $(TERRAFORM_CHECK) ]; then $(PYTHON) -m pytest tests/infra/test_terraform.py; \
	else $(MAKE) --no-print-directory package && cd infra/terraform && \
		terraform init -backend=false -input=false && terraform validate && terraform test; fi
check-terraform-policies:
	@if $(MAKE) --no-print-directory $(SCAN_READY); then $(SCAN_VENV)/bin/python -m infra.scan --strict terraform; \
	else echo "checkov cannot be had from the package registry: infra/terraform's policies were not checked."; fi

.PHONY: admin
admin: setup ## what only an operator may do: make admin ARGS="set-tier org_… pro", "audit org_…" (in the cloud: --project P first)
	@$(PYTHON) -m infra.admin $(ARGS)

.PHONY: bench
bench: setup ## listing 100 transactions, against a conventional service
	@$(PYTHON) -m benchmarks.list_transactions $(ARGS)

.PHONY: bench-sync
bench-sync: setup ## what a sync costs in documents and calls, and ten times the consents
	@$(PYTHON) -m benchmarks.sync_cost $(ARGS)

SEED ?= 1
RUNS ?= 200
.PHONY: simulate
simulate: setup ## crashes, duplicates, lost answers, in virtual time (SEED=N the first, RUNS=N how many)
	@$(PYTHON) -m tests.simulation --seed $(SEED) --runs $(RUNS) $(ARGS)

.PHONY: lock
lock: setup ## pin requirements anew, the tests' and each function's, from the *.in files
	@infra/lock.sh

.PHONY: bench-start
bench-start: setup ## the first response of each read function's bundle, against a function that does nothing
	@$(PYTHON) -m benchmarks.first_response $(ARGS)

.PHONY: package
package: gateway-documents ## each function's zip, their index, and the gateway's documents, in dist/
	@$(PYTHON) -m infra.package

.PHONY: scan
scan: $(SCAN_READY) ## known vulnerabilities, secrets, unsafe infrastructure (ARGS="--strict secrets")
	@$(SCAN_VENV)/bin/python -m infra.scan $(ARGS)

$(SCAN_READY): requirements/scan.txt
	@test -n "$(SYSTEM_PYTHON)" || { echo "Tok needs Python 3.11 or newer as python3."; exit 1; }
	@test -x $(SCAN_VENV)/bin/python || $(SYSTEM_PYTHON) -m venv $(SCAN_VENV)
	@$(SCAN_VENV)/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes --no-deps --quiet \
		-r requirements/scan.txt
	@touch $(SCAN_READY)

.PHONY: plan
plan: package ## what Terraform would change (STATE_BUCKET=…), kept in dist/ for `make apply`
	@test -n "$(STATE_BUCKET)" || { echo "STATE_BUCKET=… names the bucket that holds Terraform's state."; exit 1; }
	terraform -chdir=infra/terraform init -input=false -backend-config=bucket=$(STATE_BUCKET)
	terraform -chdir=infra/terraform plan -input=false -out=$(PLAN)

.PHONY: apply
apply: setup ## carry out the plan that `make plan` made (STATE_BUCKET=… PROJECT=… REGION=…)
	@test -f $(PLAN) || { echo "There is no plan: make plan first."; exit 1; }
	@$(PYTHON) -m infra.traffic record --project=$(PROJECT) --region=$(REGION)
	terraform -chdir=infra/terraform init -input=false -backend-config=bucket=$(STATE_BUCKET)
	terraform -chdir=infra/terraform apply -input=false $(PLAN)

.PHONY: smoke
smoke: setup ## connect a sandbox bank through the public API (TOK_SMOKE_URL, TOK_SMOKE_API_KEY)
	@$(PYTHON) -m infra.smoke $(ARGS)

.PHONY: rollback
rollback: setup ## all traffic back to the revisions that served before `make apply` (PROJECT=… REGION=…)
	@$(PYTHON) -m infra.traffic rollback --project=$(PROJECT) --region=$(REGION)

.PHONY: reset
reset: setup ## forget the data of `make run` (its folder, LOCALCLOUD_DIR)
	@$(PYTHON) -m localcloud.stack --reset

.PHONY: clean
clean: ## remove the virtual environment and every cache
	rm -rf $(VENV) $(SCAN_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .cache .hypothesis .schemathesis
	find . -name __pycache__ -prune -exec rm -rf {} +
