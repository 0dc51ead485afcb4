# The front door. `make` shows what there is; each target is one line of `paack` (see paack/commands/).
# Variables are passed on: make rpm DEF=app.yaml ARCH=aarch64. Their paths start where make is typed.

VENV   := .venv
PAACK  := $(VENV)/bin/paack
PYTHON ?= python3
# Tests wait now and then (for dnf, gpg, a boot): with two for each core, no core waits.
JOBS   ?= $(shell expr $$(nproc) '*' 2)
# File by file from bench to unit: the small ones come last, and all jobs end together. By the number
# of their tests, which is pytest-xdist's own order, files with a few long tests would come last.
IN_ORDER := --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help deps test-deps demo lock srpm rpm copr check verify diff report sbom test test-thorough test-crio test-scanner test-vm bench lint format schema microshift-containers microshift-repo repo repo-verify publish publish-job carrier blueprint paack-rpm clean cache-prune distclean

# The variables of each target. Of paack's they are the options of its tasks, in capitals: the
# program says what they mean (.venv/bin/paack --help lock). None is for all but OUTPUT.
talk := QUIET VERBOSE
signing := SIGN PASSPHRASE_FD OLD_KEY URL NAME KEEP COMPRESSION
takes.help :=
takes.deps := PYTHON
takes.test-deps := PYTHON
takes.demo := OUTPUT $(talk)
takes.lock := DEF UPDATE REGROUP REPACK PACKS_FROM AUTHFILE DRY_RUN JSON $(talk)
takes.check := DEF WHY ADD ALL JSON $(talk)
takes.srpm := DEF ARCH OUTPUT PACKS_FROM AUTHFILE FROZEN NO_CHECK $(talk)
takes.rpm := DEF ARCH TARGET CONFIGDIR TIMEOUT OUTPUT PACKS_FROM AUTHFILE FROZEN NO_CHECK JSON $(talk)
takes.verify := RPMS RUN KEY AGAINST BASE OUTPUT AUTHFILE JSON $(talk)
takes.diff := OLD NEW FILES MARKDOWN JSON OUTPUT $(talk)
takes.sbom := RPMS DEF IMAGE ARCH NAME FORMAT OUTPUT AUTHFILE $(talk)
takes.report := RPMS DEF BUDGET JSON OUTPUT $(talk)
takes.copr := DEF PROJECT CHROOTS CREATE NOWAIT PER_ARCH REDISTRIBUTE MAX_UPLOAD INTERVAL TIMEOUT CONFIG \
  OUTPUT PACKS_FROM AUTHFILE FROZEN NO_CHECK $(talk)
takes.microshift-containers := VERSION COMPONENTS NO_CORE ARCH TARGET RELEASE SRPM LIST PRINT SETS \
  OUTPUT AUTHFILE FROZEN NO_CHECK $(talk)
takes.microshift-repo := VERSION COMPONENTS TO VERSIONS SOURCES $(signing) SETS OUTPUT AUTHFILE FROZEN $(talk)
takes.repo := $(signing) OUTPUT $(talk)
takes.repo-verify := WHERE KEY DEF ARCH UNSIGNED NAME JSON $(talk)
takes.publish := TO VERSIONS $(signing) OUTPUT DRY_RUN JSON $(talk)
takes.publish-job := DEF TO VERSIONS SOURCES $(signing) OUTPUT PACKS_FROM AUTHFILE DRY_RUN JSON $(talk)
takes.carrier := DEF TO $(signing) OUTPUT AUTHFILE DRY_RUN JSON $(talk)
takes.blueprint := DEF URL CARRIER NAME KEY UNSIGNED OUTPUT $(talk)
takes.paack-rpm := OUTPUT
takes.schema :=
takes.test := PYTEST JOBS
takes.test-thorough := PYTEST JOBS
takes.test-crio :=
takes.test-scanner :=
takes.test-vm :=
takes.lint :=
takes.format :=
takes.bench := SCALE REPEAT FILES WAYS OUTPUT
takes.clean := OUTPUT CACHE DRY_RUN $(talk)
takes.distclean := OUTPUT CACHE DRY_RUN $(talk)
takes.cache-prune := DAYS DRY_RUN $(talk)

targets := $(patsubst takes.%,%,$(filter takes.%,$(.VARIABLES)))
goals := $(or $(MAKECMDGOALS),$(.DEFAULT_GOAL))
typed := $(foreach each,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(each)))),$(each)))
strange := $(filter-out $(targets) $(VENV)/.made,$(goals))
useless := $(filter-out VENV PAACK PYTHON SHELL MAKE% -% $(foreach each,$(goals),$(takes.$(each))),$(typed))
ifneq ($(strange),)
  $(error there is no target '$(firstword $(strange))': `make` shows all. A value with spaces is quoted: DEF='my app.yaml')
endif
message = make $(goals) does not take $(useless); it takes: $(strip $(foreach each,$(goals),$(takes.$(each))))
ifneq ($(useless),)
  # Another make passes on whatever it was given.
  $(if $(filter-out 0,$(MAKELEVEL)),$(warning $(message)),$(error $(message)))
endif

# The tasks $(1) of paack with the variables that were given; paack/commands/caller.py reads them.
quoted = '$(subst ','\'',$(1))'
values = $(foreach each,$(takes.$@),$(if $($(each)),$(each)=$(call quoted,$($(each)))))
paack = @PAACK_MAKE='$@' PAACK_PWD=$(call quoted,$(PWD)) $(PAACK) $(1) $(values)

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
	$(call paack,demo)

lock: deps ## resolve every image of DEF to digests (UPDATE=1: anew)
	$(call paack,lock)

check: deps ## all problems of DEF, its manifests and its lock (WHY=IMAGE: who needs it; ADD=1)
	$(call paack,check)

srpm: deps ## source RPMs of DEF, all arches inside (ARCH=aarch64: only that one)
	$(call paack,srpm)

rpm: deps ## RPMs of DEF (ARCH=aarch64: only that one; TARGET=…: with mock)
	$(call paack,build)

verify: deps ## prove that RPMS (default: all in _output/rpms) are as locked (KEY, AGAINST=registry, RUN=1)
	$(call paack,verify)

diff: deps ## what changes from OLD to NEW (RPM, lock, definition, REVISION:FILE; FILES=1, MARKDOWN=1)
	$(call paack,diff)

report: deps ## what is in RPMS (default: all in _output/rpms; DEF: its own) and what takes the space (BUDGET=300MB)
	$(call paack,report)

sbom: deps ## print the bill of materials of RPMS, DEF or IMAGE (FORMAT=cyclonedx)
	$(call paack,sbom)

copr: deps ## RPMs of DEF, built in Copr (PROJECT=OWNER/PROJECT, CHROOTS=centos-stream-9)
	$(call paack,copr)

microshift-containers: deps ## MicroShift's own images (VERSION, ARCH, COMPONENTS=olm,multus, AUTHFILE=pull secret, SRPM=1, LIST=1)
	$(call paack,microshift)

microshift-repo: deps ## publish MicroShift's images of VERSION="4.21.29 4.22.7" for both arches (SIGN, TO, URL, AUTHFILE, COMPONENTS)
	$(call paack,microshift.repo)

repo: deps ## dnf repository of all that was built, in _output/repo (SIGN=key ID, URL, KEEP)
	$(call paack,repo)

repo-verify: deps ## every signature and checksum of the repository WHERE, as clients see it (DEF, KEY)
	$(call paack,repo.verify)

publish: deps ## make _output/repo and publish it (TO=DIR or USER@HOST:DIR, URL=https://…, VERSIONS=3)
	$(call paack,repo publish)

publish-job: deps ## for cron and CI: build, sign, publish what of DEF is not published (DEF, TO, SIGN, URL)
	$(call paack,publish-job)

carrier: deps ## _output/repo and, of it, a container image for builds of OS images (DEF, SIGN, TO=docker://…|oci:DIR)
	$(call paack,repo carrier)

blueprint: deps ## image-builder blueprint, bootc Containerfile, rpm-ostree treefile of DEF (URL or CARRIER, KEY=FILE)
	$(call paack,blueprint)

schema: deps ## write schema/definition.schema.json
	$(PAACK) schema > schema/definition.schema.json.new
	mv schema/definition.schema.json.new schema/definition.schema.json

paack-rpm: deps ## paack itself as a noarch RPM, with manual page and completion
	@tools/paack-rpm $(VENV)/bin/python $(OUTPUT)/paack-rpm

test: test-deps ## all tests (PYTEST="-k store": some of them)
	$(VENV)/bin/pytest --numprocesses $(JOBS) $(IN_ORDER) $(PYTEST)

test-thorough: test-deps ## all tests with every shell and awk, and kills at every program (an hour)
	PAACK_TEST_THOROUGH=1 $(VENV)/bin/pytest --numprocesses $(JOBS) $(IN_ORDER) $(PYTEST)

test-crio: test-deps ## the life of a package with a real CRI-O (PAACK_TEST_CRIO: where crio and crictl are)
	$(VENV)/bin/pytest -m crio tests/crio

test-scanner: test-deps ## what is found in images, beside what syft finds (PAACK_TEST_SYFT: where it is)
	PAACK_TEST_SYFT=$${PAACK_TEST_SYFT:-syft} $(VENV)/bin/pytest -m scanner tests/scanner

test-vm: test-deps ## verified stores, packs, and other kernels, in a virtual machine (qemu-system-x86_64; minutes, as root)
	PAACK_TEST_VM=1 $(VENV)/bin/pytest -m vm tests/vm

lint: test-deps ## ruff, mypy --strict, shellcheck
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	shellcheck $$(git ls-files tools .ci 'findings/*.sh')
	@# Parts of one program: what one of them does not use or set, another does.
	shellcheck --exclude=SC1091,SC2034,SC2154,SC2317 $$(git ls-files 'specs/*.sh')

bench: test-deps ## measure builds beside other ways (SCALE=1,4,16, REPEAT=3, WAYS=paack: no others; SCALE=tiny: try it)
	$(VENV)/bin/python -m bench --output $(or $(OUTPUT),_output) $(SCALE:%=--scale=%) $(REPEAT:%=--repeat=%) $(FILES:%=--files=%) $(WAYS:%=--ways=%)

format: deps ## let ruff format the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean: ## remove _output (DRY_RUN=1: only show what can be removed, and how large it is; CACHE=1: the cache, too)
	@if [ -x $(PAACK) ]; then PAACK_MAKE='clean' PAACK_PWD=$(call quoted,$(PWD)) $(PAACK) clean $(values); else rm -rf _output; fi

cache-prune: deps ## remove from the cache what no build has used for DAYS=30 (DRY_RUN=1: only show what would be removed)
	$(call paack,cache.prune)

distclean: clean ## remove _output and .venv
	$(if $(DRY_RUN),,rm -rf $(VENV) *.egg-info)
