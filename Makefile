# The front door. `make` shows what there is; each target is one line of `paack` (see tasks/).
# Variables are passed on: make rpm DEF=app.yaml ARCH=aarch64

VENV   := .venv
PAACK  := $(VENV)/bin/paack
PYTHON ?= python3
OUTPUT ?= _output
# Tests wait now and then (for dnf, gpg, a boot): one more at a time than there are cores.
JOBS   ?= $(shell expr $$(nproc) + 1)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help deps test-deps demo lock srpm rpm copr check verify diff report test test-crio bench lint format schema microshift-containers microshift-repo repo publish publish-job blueprint clean distclean

flag = $(if $($(1)),--$(2)=$($(1)))
flags = $(foreach each,$($(1)),--$(2)=$(each))

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
	$(PAACK) demo --output $(OUTPUT)

lock: deps ## resolve every image of DEF to digests (UPDATE=1: anew)
	$(PAACK) lock $(call flag,DEF,def) $(if $(UPDATE),--update)

check: deps ## all problems of DEF, its manifests and its lock (WHY=IMAGE: who needs it; ADD=1)
	@$(PAACK) check $(call flag,DEF,def) $(call flag,WHY,why) $(if $(ADD),--add)

srpm: deps ## source RPMs of DEF, all arches inside (ARCH=aarch64: only that one)
	$(PAACK) srpm $(call flag,DEF,def) $(call flags,ARCH,arch) --output $(OUTPUT)

rpm: deps ## RPMs of DEF (ARCH=aarch64: only that one; TARGET=…: with mock)
	$(PAACK) build $(call flag,DEF,def) $(call flags,ARCH,arch) $(call flags,TARGET,target) --output $(OUTPUT)

verify: deps ## prove that RPMS (default: all in _output/rpms) are as locked (KEY, AGAINST=registry, RUN=1)
	$(PAACK) verify $(or $(RPMS),$(wildcard $(OUTPUT)/rpms/*/*.rpm)) $(call flags,KEY,key) \
	  $(call flag,AGAINST,against) $(if $(RUN),--run) --output $(OUTPUT)

diff: deps ## what changes from OLD to NEW (RPM, lock, definition, REVISION:FILE; FILES=1, MARKDOWN=1)
	@$(PAACK) diff $(call flag,OLD,old) $(call flag,NEW,new) $(if $(FILES),--files) $(if $(MARKDOWN),--markdown) --output $(OUTPUT)

report: deps ## what is in RPMS (default: all in _output/rpms; DEF: its own) and where the bytes are (BUDGET=300MB)
	@$(PAACK) report $(RPMS) $(call flag,DEF,def) $(call flag,BUDGET,budget) --output $(OUTPUT)

copr: deps ## RPMs of DEF, built in Copr (PROJECT=OWNER/PROJECT, CHROOTS=centos-stream-9)
	$(PAACK) copr $(call flag,DEF,def) $(call flag,PROJECT,project) $(call flags,CHROOTS,chroots) --output $(OUTPUT)

microshift-containers: deps ## MicroShift's own images (VERSION, ARCH, COMPONENTS=olm,multus, AUTHFILE=pull secret, SRPM=1, LIST=1)
	$(PAACK) microshift --output $(OUTPUT) $(call flag,VERSION,version) $(call flag,COMPONENTS,components) \
	  $(call flag,AUTHFILE,authfile) $(call flag,RELEASE,release) $(call flag,SETS,sets) $(ARCH:%=--arch=%) \
	  $(TARGET:%=--target=%) $(if $(SRPM),--srpm) $(if $(LIST),--list)

signing = $(call flag,SIGN,sign) $(call flag,PASSPHRASE_FD,passphrase-fd) $(OLD_KEY:%=--old-key=%) \
	  $(call flag,URL,url) $(call flag,NAME,name) $(call flag,KEEP,keep) --output $(OUTPUT)

microshift-repo: deps ## publish MicroShift's images of VERSION="4.21.29 4.22.7" for both arches (SIGN, TO, URL, AUTHFILE, COMPONENTS)
	$(PAACK) microshift.repo $(VERSION:%=--version=%) $(call flag,COMPONENTS,components) $(call flag,TO,to) \
	  $(call flag,VERSIONS,versions) $(call flag,AUTHFILE,authfile) $(call flag,SETS,sets) $(if $(SOURCES),--sources) $(signing)

repo: deps ## dnf repository of all that was built, in _output/repo (SIGN=key ID, URL, KEEP)
	$(PAACK) repo $(signing)

publish: deps ## make _output/repo and publish it (TO=DIR or USER@HOST:DIR, URL=https://…, VERSIONS=3)
	$(PAACK) repo $(signing) publish $(call flag,TO,to) $(call flag,VERSIONS,versions) $(signing)

publish-job: deps ## for cron and CI: build, sign, publish what of DEF is not published (DEF, TO, SIGN, URL)
	$(PAACK) publish-job $(call flag,DEF,def) $(call flag,TO,to) $(call flag,VERSIONS,versions) \
	  $(call flag,AUTHFILE,authfile) $(if $(SOURCES),--sources) $(signing)

blueprint: deps ## image-builder blueprint, bootc Containerfile, rpm-ostree treefile of DEF (URL, KEY=FILE)
	$(PAACK) blueprint $(call flag,DEF,def) $(call flag,URL,url) $(call flag,NAME,name) $(call flag,KEY,key) --output $(OUTPUT)

schema: deps ## write schema/definition.schema.json
	$(PAACK) schema > schema/definition.schema.json.new
	mv schema/definition.schema.json.new schema/definition.schema.json

test: test-deps ## all tests (PYTEST="-k store": some of them)
	$(VENV)/bin/pytest --numprocesses $(JOBS) --dist loadfile $(PYTEST)

test-crio: test-deps ## the life of a package with a real CRI-O (PAACK_TEST_CRIO: where crio and crictl are)
	$(VENV)/bin/pytest -m crio tests/crio

lint: test-deps ## ruff, mypy --strict, shellcheck
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	shellcheck $$(git ls-files tools .ci 'findings/*.sh')
	@# Parts of one program: what one of them does not use or set, another does.
	shellcheck --exclude=SC1091,SC2034,SC2154,SC2317 $$(git ls-files 'specs/*.sh')

bench: test-deps ## measure builds beside other ways (SCALE=1,4,16, REPEAT=3; SCALE=tiny: try it)
	$(VENV)/bin/python -m bench --output $(OUTPUT) $(call flag,SCALE,scale) $(call flag,REPEAT,repeat) $(call flag,FILES,files)

format: deps ## let ruff format the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean: ## remove _output
	rm -rf $(OUTPUT)

distclean: clean ## remove _output and .venv
	rm -rf $(VENV) *.egg-info
