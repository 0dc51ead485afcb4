# The front door. `make` shows what there is; each target is one line of `paack` (see tasks.py).
# Variables are passed on: make rpm DEF=app.yaml ARCH=aarch64

VENV   := .venv
PAACK  := $(VENV)/bin/paack
PYTHON ?= python3
OUTPUT ?= _output

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help deps test-deps demo lock srpm rpm check test lint format schema clean distclean

flag = $(if $($(1)),--$(2)=$($(1)))

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: $(VENV)/.made ## install what is missing: programs (apt-get or dnf) and .venv
	@tools/install-deps build

$(VENV)/.made: requirements.lock pyproject.toml
	@tools/install-deps build
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: paack needs Python 3.11 or newer: make deps PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

test-deps: deps
	@tools/install-deps test

demo: deps ## build images/demo for x86_64 and aarch64, with no registry, and show it
	$(PAACK) demo

lock: deps ## resolve every image of DEF to digests (UPDATE=1: anew)
	$(PAACK) lock $(call flag,DEF,def) $(if $(UPDATE),--update)

srpm: deps ## source RPMs of DEF, all arches inside
	$(PAACK) srpm $(call flag,DEF,def)

rpm: deps ## RPMs of DEF (ARCH=aarch64: only that one)
	$(PAACK) build $(call flag,DEF,def) $(call flag,ARCH,arch)

schema: deps ## write schema/definition.schema.json
	$(PAACK) schema > schema/definition.schema.json.new
	mv schema/definition.schema.json.new schema/definition.schema.json

test: test-deps ## all tests (PYTEST="-k store": some of them)
	$(VENV)/bin/pytest $(PYTEST)

lint: test-deps ## ruff, mypy --strict, shellcheck
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	shellcheck $$(git ls-files tools .ci)

format: deps ## let ruff format the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean: ## remove _output
	rm -rf $(OUTPUT)

distclean: clean ## remove _output and .venv
	rm -rf $(VENV) *.egg-info
