# Every target says what it is about to do. A fresh Debian 12 machine needs make and git, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
NODE ?= rt
export NSEXEC_BUILD_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/oc-nsexec-testbed/links
BIN := .venv/bin
PIP = $(BIN)/pip install --quiet --disable-pip-version-check
HERMETIC := $(BIN)/pytest tests/unit tests/node
TESTBED := $(PYTHON) -m testbed

.PHONY: help
help: ## what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv ## the main job on a real-time node: kubectl exec starves, oc nsexec answers
	@$(BIN)/python -m demo

.PHONY: test
test: ## everything: checks, hermetic tests, live tests on both nodes
	@tools/test-all

.PHONY: check
check: .venv ## style, types, layers, shell scripts, spelling
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(MAKE) check-shell
	@git ls-files -z --cached --others --exclude-standard | xargs -0 $(BIN)/codespell
	@echo "checks: style, types, layers, shell scripts and spelling are clean"

.PHONY: check-shell
check-shell: ## the shell scripts alone
	@cat $(addprefix kubectl_nsexec/node/,agent-base.sh agent-find.sh agent-sources.sh agent-alone.sh agent.sh) | shellcheck --shell=sh -
	@shellcheck tools/test-all .ci/run

.PHONY: hooks
hooks: .venv ## what make check says of a commit's files, from now on before each commit (pre-commit)
	@$(BIN)/pre-commit install

.PHONY: test-unit
test-unit: .venv ## hermetic tests, about five minutes, no cluster
	@$(HERMETIC)

.PHONY: coverage
coverage: .venv ## the same, measured: which branches they take, and whether the floor of that holds
	@$(BIN)/coverage erase
	@$(HERMETIC) --cov --cov-report= --cov-fail-under=0
	@$(BIN)/python -m tools.floor

.PHONY: test-machines
test-machines: .venv ## the last link on small emulated machines: other architectures, SELinux, AppArmor
	@$(TESTBED) packages small-vm
	@$(BIN)/pytest tests/machines

.PHONY: test-dist
test-dist: .venv .release ## packages: manifest, archive, krew, wheel; no cluster
	@$(TESTBED) packages packaging
	@$(BIN)/pytest tests/release -m "not registry"

.PHONY: test-install
test-install: .venv .release ## packages installed by pipx, uv, other Pythons, with oldest dependencies
	@$(BIN)/pytest tests/release -m registry

.PHONY: dist
dist: .release ## wheel, sdist, an archive without Python for this platform, krew's manifest, in dist/
	@.release/bin/python -m release dist

.PHONY: dist-older
dist-older: ## the same, its archive for older systems too (Debian 11, RHEL 9): built on one, as root
	@$(TESTBED) packages packaging
	@$(PYTHON) -m release.older

.PHONY: release-check
release-check: .release ## whether this commit can be released; TAG=v1.2.3: by that tag
	@.release/bin/python -m release check $(if $(TAG),--tag $(TAG))

.PHONY: test-host
test-host: .venv .release ## live tests on the host node (brings it up)
	@$(TESTBED) up --node host
	@$(BIN)/pytest tests/live -m host_node

.PHONY: test-rt
test-rt: .venv ## live tests on the real-time node (brings it up)
	@$(TESTBED) up --node rt
	@$(BIN)/pytest tests/live -m rt_node

.PHONY: bench
bench: .venv ## ratios against kubectl exec on the host node (brings it up)
	@$(TESTBED) up --node host
	@$(BIN)/python -m bench

.PHONY: picture
picture: .venv ## docs/session.svg anew, from a real session on the host node (brings it up)
	@$(TESTBED) up --node host
	@$(BIN)/python -m demo.picture

.PHONY: cluster
cluster: .venv ## control plane and real-time node in a VM; NODE=host: a kubelet on this machine
	@$(TESTBED) up --node $(NODE)

.PHONY: cluster-down
cluster-down: ## ends exactly what make cluster started
	@$(TESTBED) down

.PHONY: clean
clean: cluster-down ## forgets everything that was built, also the cache
	@$(TESTBED) clean
	@rm -rf .venv .release dist kubectl_nsexec/node/bin

.PHONY: format
format: .venv ## lets ruff put the sources in order
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

.PHONY: lock
lock: .release ## the newest versions of the tools and of what is bundled, into both requirements.txt
	@.release/bin/python -m release lock

.release: release/requirements.txt
	@$(TESTBED) packages base packaging
	@ln -sfn "$$($(PYTHON) -m release.env)" .release && touch -h .release

.venv: pyproject.toml tools/requirements.txt hatch_build.py $(wildcard kubectl_nsexec/node/*.[ch])
	@$(TESTBED) packages base
	@echo "installing the project and its tools into .venv (about a minute)"
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r tools/requirements.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch .venv
