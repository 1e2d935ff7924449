# Tok: `make run` for the whole platform on this machine, `make test` for the suite. Both set themselves up.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
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

.PHONY: gateway-documents
gateway-documents: setup ## the gateway's documents that Terraform deploys, in dist/
	@$(PYTHON) -m infra.gateway_template

# With ../shared beside the repository, providers need not be downloaded: the tool has their schemas.
TERRAFORM_CHECK := ../shared/tools/terraform-check/terraform-check
CHECKOV := .venv-checkov

.PHONY: check-terraform
check-terraform: check-terraform-format check-terraform-tests check-terraform-policies ## infra/terraform: format, validate, test, checkov

.PHONY: check-terraform-format check-terraform-tests check-terraform-policies
check-terraform-format:
	@if ! command -v terraform >/dev/null; then echo "terraform is not here: infra/terraform's format was not checked."; \
	else terraform fmt -check -recursive -diff infra/terraform; fi
check-terraform-tests: setup
	@if ! command -v terraform >/dev/null; then echo "terraform is not here: infra/terraform was not tested."; \
	elif [ -x $(TERRAFORM_CHECK) ]; then $(PYTHON) -m pytest tests/infra/test_terraform.py; \
	else $(MAKE) --no-print-directory package gateway-documents && cd infra/terraform && \
		terraform init -backend=false -input=false && terraform validate && terraform test; fi
check-terraform-policies: $(CHECKOV)/.ready
	@if [ -x $(CHECKOV)/bin/checkov ]; then \
		$(CHECKOV)/bin/checkov --directory infra/terraform --framework terraform --skip-download --compact --quiet; \
	else echo "checkov cannot be had from the package registry: infra/terraform's policies were not checked."; fi

# In an environment of its own: its pins contradict those of the tests.
$(CHECKOV)/.ready: requirements/checkov.txt
	@test -n "$(SYSTEM_PYTHON)" || { echo "Tok needs Python 3.11 or newer as python3."; exit 1; }
	@rm -rf $(CHECKOV) && $(SYSTEM_PYTHON) -m venv $(CHECKOV)
	@if $(CHECKOV)/bin/python -m pip install --disable-pip-version-check --no-input --quiet --require-hashes --no-deps \
		-r requirements/checkov.txt; then touch $@; else rm -rf $(CHECKOV); fi

.PHONY: bench
bench: setup ## listing 100 transactions, against a conventional service
	@$(PYTHON) -m benchmarks.list_transactions $(ARGS)

.PHONY: lock
lock: setup ## pin requirements anew, the tests' and each function's, from the *.in files
	@infra/lock.sh

.PHONY: reset
reset: setup ## forget the data of `make run` (its folder, LOCALCLOUD_DIR)
	@$(PYTHON) -m localcloud.stack --reset

.PHONY: clean
clean: ## remove the virtual environment and every cache
	rm -rf $(VENV) $(CHECKOV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis
	find . -name __pycache__ -prune -exec rm -rf {} +
