# Every target says what it is about to do. A fresh Debian 12 machine needs make and git, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
NODE ?= rt
SECONDS ?= 15
SEED ?= 1
export NSEXEC_BUILD_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/oc-nsexec-testbed/links
BIN := .venv/bin
DOCS_BIN := .docs-venv/bin
PIP = $(BIN)/pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/pytest --numprocesses auto
TESTBED := $(PYTHON) -m testbed
# $(call made,FOLDER,COMMANDS): a folder that is half made, by a failure or Ctrl-C, is out of date, so it is made again.
made = trap 'touch --date=@0 $(1)' EXIT; $(2); trap - EXIT; touch $(1)

# $(call rt,MARKS): the live tests on the real-time node that have them, in two processes those that may.
rt = failed=0; \
	$(BIN)/pytest tests/live -m "($(1)) and not alone" --numprocesses 2 --dist loadfile --no-loadscope-reorder || failed=1; \
	$(BIN)/pytest tests/live -m "($(1)) and alone" || failed=1; \
	exit $$failed

.PHONY: help
help: ## what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## the main job on a real-time node: kubectl exec starves, oc nsexec answers
	@$(MAKE) --silent --jobs 2 .venv $(if $(DEMO_KUBECONFIG),,prepare) NODE=rt
	@$(BIN)/python -m demo

.PHONY: prepare
prepare: ## what make cluster compiles and builds, without starting anything
	@$(TESTBED) prepare --node $(NODE)

.PHONY: test
test: ## everything: checks, hermetic tests, live tests on both nodes
	@$(PYTHON) -m tools.test_all

.PHONY: check
check: .venv ## style, types, layers, shell scripts, C, spelling
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(MAKE) check-shell check-c
	@git ls-files -z --cached --others --exclude-standard | xargs -0 $(BIN)/codespell
	@echo "checks: style, types, layers, shell scripts, C and spelling are clean"

.PHONY: check-shell
check-shell: ## the shell scripts alone
	@cat $(addprefix kubectl_nsexec/node/agent/,base.sh find.sh sources.sh alone.sh hold.sh survey.sh main.sh) | shellcheck --shell=sh -
	@shellcheck .ci/run

.PHONY: check-c
check-c: .venv ## the C alone: its format, and what gcc's analyzer says of it
	@$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.[ch]')
	@$(TESTBED) packages c
	@printf '%s\n' $(wildcard kubectl_nsexec/node/shim/*.c) | xargs -P2 -n1 gcc -std=c11 -O2 -D_FORTIFY_SOURCE=2 -Wall -Wextra -Werror -fanalyzer -c -o /dev/null

.PHONY: hooks
hooks: .venv ## what make check says of a commit's files, from now on before each commit (pre-commit)
	@$(BIN)/pre-commit install

.PHONY: test-unit
test-unit: .venv ## hermetic tests of the client's packages, half a minute, no cluster
	@$(TESTBED) packages hermetic
	@$(PYTEST) tests/unit

.PHONY: test-program
test-program: .venv ## hermetic tests of the whole client as a user starts it, a minute, no cluster
	@$(TESTBED) packages hermetic
	@$(PYTEST) tests/program

.PHONY: test-node
test-node: .venv shims ## hermetic tests of what runs on the node, and of every transport, three minutes, no cluster
	@$(TESTBED) packages hermetic
	@$(PYTEST) tests/node

.PHONY: coverage
coverage: .venv shims ## all three: which branches the first two take, and whether the floor of that holds
	@$(TESTBED) packages hermetic
	@$(BIN)/coverage erase
	@$(BIN)/pytest tests/unit tests/program tests/node --numprocesses 4 --cov --cov-report= --cov-fail-under=0
	@$(BIN)/python -m tools.floor

.PHONY: fuzz
fuzz: .venv ## odd inputs for every parser between client and node: SECONDS=15 of each, SEED=1
	@$(TESTBED) packages c
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) --seed $(SEED)

.PHONY: test-machines
test-machines: .venv shims ## the shim on small emulated machines: other architectures, SELinux, AppArmor
	@$(TESTBED) packages small-vm
	@$(BIN)/pytest tests/machines

.PHONY: test-dist
test-dist: .venv .release ## packages: manifest, archive, krew, wheel; no cluster
	@$(TESTBED) packages packaging
	@$(BIN)/pytest tests/release -m "not registry"

.PHONY: test-install
test-install: .venv .release ## packages installed by pipx, uv, other Pythons, with oldest dependencies; built twice, and on an older Debian
	@$(TESTBED) packages packaging
	@$(BIN)/pytest tests/release -m registry
	@$(BIN)/python -m tools.installs

.PHONY: docs
docs: .venv .docs-venv ## the documentation as a site in site/, with search; a browser opens it without a server
	@$(BIN)/python -m tools.reference_pages docs/reference
	@rm -rf site
	@$(DOCS_BIN)/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky --fresh-env \
		--doctree-dir build/doctrees docs site
	@echo "docs: site/index.html"

.PHONY: test-docs
test-docs: docs ## the site in headless Chromium: every page and link, search, nothing fetched from elsewhere
	@$(TESTBED) packages docs
	@$(DOCS_BIN)/pytest tests/docs

.PHONY: dist
dist: .release ## wheel, sdist, archive without Python and container image for this platform, krew's manifest, in dist/
	@.release/bin/python -m release dist

.PHONY: dist-older
dist-older: ## the same, its archive for older systems too (Debian 11, RHEL 9): built on one, as root
	@$(TESTBED) packages packaging
	@$(PYTHON) -m release.older

.PHONY: release-check
release-check: .release ## whether this commit can be released; TAG=v1.2.3: by that tag; INSTALLED=elsewhere: without test-install
	@.release/bin/python -m release check $(if $(TAG),--tag $(TAG))
	@$(if $(filter elsewhere,$(INSTALLED)),,$(MAKE) test-install)

.PHONY: test-host
test-host: ## live tests on the host node (brings it up)
	@$(MAKE) --keep-going test-host-alone test-host-together

.PHONY: test-host-alone
test-host-alone: .venv .release ## of them those that run one by one: they own its only CPU, or stop what others need
	@$(TESTBED) up --node host
	@$(BIN)/pytest tests/live -m "host_node and alone"

.PHONY: test-host-together
test-host-together: .venv .release ## of them the others, in five processes
	@$(TESTBED) up --node host
	@$(BIN)/pytest tests/live -m "host_node and not alone" --numprocesses 5 --dist loadfile --no-loadscope-reorder

.PHONY: test-rt
test-rt: .venv ## live tests on the real-time node (brings it up); RT_DISTRO, RT_LSM, RUNTIME=crio: on another such node
	@$(TESTBED) up --node rt
	@$(call rt,rt_node$(if $(filter selinux,$(RT_LSM)), and not apparmor or selinux)$(if $(filter crio,$(RUNTIME)), or crio))

.PHONY: test-rt-newer
test-rt-newer: ## all of them on one as OpenShift's: Linux 6.12, crun, SELinux enforcing
	@RT_DISTRO=trixie RT_LSM=selinux $(MAKE) test-rt

.PHONY: test-rt-older
test-rt-older: .venv ## of them what depends on kernel, runtime and LSM, on another one: Linux 6.1, runc, AppArmor
	@$(TESTBED) up --node rt
	@$(call rt,rt_node and kernel)

.PHONY: test-both
test-both: .venv ## live tests of one run over both nodes, in one cluster (brings them up)
	@$(TESTBED) up --node both
	@$(BIN)/pytest tests/live -m both_nodes

.PHONY: bench
bench: .venv ## ratios against kubectl exec on the host node (brings it up)
	@$(TESTBED) up --node host
	@$(BIN)/python -m bench

.PHONY: bench-scale
bench-scale: .venv ## of it what many pods cost: 50, 500 and 5,000 on a fake API server, no cluster
	@$(BIN)/python -m bench scale

.PHONY: picture
picture: .venv ## docs/session.svg anew, from a real session on the host node (brings it up)
	@$(TESTBED) up --node host
	@$(BIN)/python -m demo.picture

.PHONY: cluster
cluster: .venv ## control plane and real-time node in a VM; NODE=host: a kubelet on this machine
	@$(TESTBED) up --node $(NODE)

.PHONY: cluster-down
cluster-down: ## ends exactly what make cluster, demo, bench and the live tests have started
	@$(TESTBED) down

.PHONY: clean
clean: cluster-down ## forgets everything that was built, also the cache
	@$(TESTBED) clean
	@rm -rf .venv .docs-venv .release dist site kubectl_nsexec/node/bin

.PHONY: format
format: .venv ## lets ruff and clang-format put the sources in order
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .
	@$(BIN)/clang-format -i $$(git ls-files '*.[ch]')

# pip knows dependency groups since 25.1.
.docs-venv: pyproject.toml
	@$(TESTBED) packages base
	@echo "installing what makes the documentation into .docs-venv (about half a minute)"
	@$(call made,.docs-venv, \
	$(PYTHON) -m venv --clear .docs-venv; \
	$(DOCS_BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1'; \
	$(DOCS_BIN)/pip install --quiet --disable-pip-version-check --group docs)

.PHONY: shims
shims: .venv ## the program that enters the container, for nodes of every architecture; .venv has this machine's
	@$(BIN)/python hatch_build.py >/dev/null

.PHONY: lock
lock: .release ## the newest versions of the tools and of what is bundled, into both requirements.txt
	@.release/bin/python -m release lock

.release: release/requirements.txt
	@$(TESTBED) packages base packaging
	@ln -sfn "$$($(PYTHON) -m release.env)" .release && touch -h .release

.venv: pyproject.toml tools/requirements.txt hatch_build.py $(wildcard kubectl_nsexec/node/shim/*.[ch])
	@$(TESTBED) packages base
	@echo "installing the project and its tools into .venv (about a minute)"
	@$(call made,.venv, \
	$(PYTHON) -m venv .venv; \
	$(PIP) --require-hashes -r tools/requirements.txt; \
	$(PIP) --no-deps --no-build-isolation --editable .)
