# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Further arguments for pytest: make unit ARGS="-k lifetimes"
ARGS ?=
CORES := 2.16 2.18 2.19 2.20 2.21

# The environment for everything: see tools/run. Each command says how long it took.
run = TIMEFORMAT='== $@: %0R s'; time tools/run
pytest = $(run) python -m pytest $(1) $(ARGS) | tee .cache/logs/$@.txt
# By three workers, each with stand-in servers of its own: now and then one waits.
WORKERS ?= 3
side_by_side = --numprocesses=$(WORKERS) --dist=worksteal

# The slow ones first: they are started in this order.
GATE := playbooks sanity unit molecule package ansible-lint types docs style licences

.PHONY: help setup test $(GATE) $(GATE:%=gate-%) demo format lint community simulate crash leaks leaks-full $(CORES:%=leaks-%) \
    pass bench aws matrix $(CORES:%=matrix-%) pins clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

setup: ## Make .venv and what else the other targets need (they do so themselves)
	@tools/setup
	@mkdir -p .cache/logs

test: ## Everything that a change has to pass
	@$(MAKE) --jobs=2 setup aws
	@rm -f .cache/logs/*
	@$(MAKE) --jobs=2 --keep-going --output-sync=target $(GATE:%=gate-%) || true
	@for check in $(GATE); do \
	    [ -e .cache/logs/$$check.passed ] || failed="$${failed-} $$check"; \
	done; \
	tail -n 1 .cache/logs/*.txt; echo; \
	if [ -n "$${failed-}" ]; then echo "Failed:$$failed"; exit 1; else echo "Passed: $(GATE)"; fi

$(GATE:%=gate-%): gate-%: %
	@touch .cache/logs/$*.passed

demo: setup ## A tour of what the collection does, against servers of its own on this machine
	@tools/demo

lint: style types ansible-lint docs licences ## The quick checks: no test is run

style: setup ## Formatting and lint of Python, YAML and shell
	@$(run) ruff check .
	@$(run) ruff format --check .
	@$(run) yamllint --strict .
	@$(run) shellcheck .ci/run $(filter-out %.py,$(wildcard tools/*))

types: setup ## mypy: strict where plugins/module_utils is concerned
	@$(run) mypy --package ansible_collections.tokensmith.access.plugins --package stand_in

ansible-lint: setup ## Playbooks, roles and metadata at the production profile
	@$(run) ansible-lint --offline --strict

docs: setup ## The plugins' documentation and the changelog
	@$(run) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self .
	@$(run) antsibull-changelog lint

licences: setup ## Every file says whose it is and under which licence
	@$(run) reuse lint --lines

unit: setup ## Tests of the plugins, in memory and on loopback, and of the stand-in servers
	@$(call pytest,tests/unit tests/simulation tests/stand_in_tests --ignore=tests/stand_in_tests/community_general)

playbooks: setup aws ## Tests through the real ansible-playbook
	@$(call pytest,tests/playbooks $(side_by_side))

molecule: setup ## Stories of the role, each in a playbook of its own
	@cd extensions && TIMEFORMAT='== $@: %0R s'; time ../tools/run molecule test --all | tee ../.cache/logs/$@.txt

# The AWS CLI, and a server for it to talk to.
aws:
	@tools/venv .venv-matrix/aws requirements/aws.txt 3.11 3.12 3.13

sanity: setup ## ansible-test's sanity checks
	@TIMEFORMAT='== $@: %0R s'; time tools/sanity

package: setup ## Build the collection, install it, look at what is in it
	@TIMEFORMAT='== $@: %0R s'; time tools/package

community: setup ## community.general's GitLab modules against the stand-in server
	@tools/venv .venv-matrix/community requirements/community.txt 3.11 3.12 3.13
	@$(run) env TEST_ANSIBLE_PLAYBOOK=.venv-matrix/community/bin/ansible-playbook \
	    python -m pytest tests/stand_in_tests/community_general $(ARGS) | tee .cache/logs/$@.txt

matrix: setup ## The playbook tests with each supported ansible-core
	@rm -f .cache/matrix/*
	@status=0; \
	$(MAKE) --jobs=2 --keep-going --output-sync=target $(CORES:%=matrix-%) || status=$$?; \
	echo; cat .cache/matrix/*.txt; \
	grep -qv SKIPPED .cache/matrix/*.txt || { echo "Nothing was tested."; status=1; }; \
	exit $$status

$(CORES:%=matrix-%): matrix-%: setup aws
	@tools/matrix $* $(ARGS)

simulate: setup ## The life cycle through every pair of faults, and 100,000 random histories (half an hour or more)
	@$(run) env PYTHONPATH=.venv/collections:tests python -m simulation $(ARGS) | tee .cache/logs/$@.txt

# One process each: what the rows of their tables count is kept in memory.
crash: setup ## Runs killed at every step, requests and stores that go wrong: table in .cache/crash.md (an hour; CRASH=full: half a day)
	@$(run) env CRASH=$${CRASH:-steps} python -m pytest tests/crash $(ARGS) | tee .cache/logs/$@.txt

leaks: setup ## Everything that runs write searched for secrets, a part with each ansible-core: table in .cache/leaks.md (hours)
	@rm -rf .cache/leaks; status=0; \
	$(MAKE) leaks-full || status=$$?; \
	$(MAKE) --jobs=2 --keep-going --output-sync=target $(CORES:%=leaks-%) || status=$$?; \
	echo; cat .cache/leaks/*.txt; \
	awk 'FNR > 2 || NR < 3' .cache/leaks/*.md > .cache/leaks.md; cat .cache/leaks.md; \
	exit $$status

leaks-full: setup
	@$(run) env LEAKS=full python -m pytest tests/leaks $(ARGS) | tee .cache/logs/leaks.txt

$(CORES:%=leaks-%): leaks-%: setup
	@tools/matrix $* --leaks $(ARGS)

pass: setup ## The store credential_helper with docker-credential-pass, pass and gpg from Debian's packages
	@TIMEFORMAT='== $@: %0R s'; time tools/pass $(ARGS) | tee .cache/logs/$@.txt

bench: setup ## The figures that the documentation promises
	@status=0; \
	for script in tests/benchmarks/[a-z]*.py; do \
	    echo "-- $$script"; \
	    $(run) python "$$script" $(ARGS) || status=1; \
	done; \
	exit $$status

format: setup ## Rewrite the Python files as ruff wants them
	@$(run) ruff check --fix --exit-zero --quiet .
	@$(run) ruff format .

pins: ## Take the newest releases of all tools
	@tools/pins

clean: ## Remove everything that was made here
	rm -rf .ansible .cache .venv .venv-matrix tests/output tokensmith-access-*.tar.gz
	find . -name __pycache__ -prune -exec rm -rf {} +
