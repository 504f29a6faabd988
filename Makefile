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
# Dozens of processes read the tests: without what the first of them compiled each would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
DOCS_BIN := .docs-venv/bin
PIP = $(BIN)/pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/pytest --numprocesses auto
TESTBED := $(PYTHON) -m testbed
# $(call made,FOLDER,COMMANDS): a folder that is half made, by a failure or Ctrl-C, is out of date, so it is made again.
made = trap 'touch --no-create --date=@0 $(1)' EXIT; $(2); trap - EXIT; touch $(1)

# $(call together,MARKS,COUNT): the live tests that have them, in COUNT processes those that may.
together = $(BIN)/pytest tests/live -m "($(1)) and not alone" --numprocesses $(2) --dist loadfile --no-loadscope-reorder
alone = $(BIN)/pytest tests/live -m "($(1)) and alone"
OF_RT ?= rt_node$(if $(filter selinux,$(RT_LSM)), and not apparmor or selinux)$(if $(filter crio,$(RUNTIME)), or crio)
NEWER := RT_DISTRO=trixie RT_LSM=selinux

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
	@$(BIN)/pytest tests/node --numprocesses 4

# Each process takes few tests at a time: else one has those that wait for the last minute alone.
.PHONY: coverage
coverage: .venv ## the first two of these: which branches they take, and whether the floor of that holds
	@$(TESTBED) packages hermetic
	@$(BIN)/coverage erase
	@$(BIN)/pytest tests/program tests/unit --numprocesses 4 --maxschedchunk 4 --cov --cov-report= --cov-fail-under=0
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
	@$(call alone,host_node)

.PHONY: test-host-together
test-host-together: .venv .release ## of them the others, in five processes
	@$(TESTBED) up --node host
	@$(call together,host_node,5)

.PHONY: test-rt
test-rt: ## live tests on the real-time node (brings it up); RT_DISTRO, RT_LSM, RUNTIME=crio: on another such node
	@$(MAKE) --keep-going test-rt-together test-rt-alone

.PHONY: test-rt-together
test-rt-together: .venv ## of them those that do not need it for themselves, in two processes
	@$(TESTBED) up --node rt
	@$(call together,$(OF_RT),2)

.PHONY: test-rt-alone
test-rt-alone: .venv ## of them the others
	@$(TESTBED) up --node rt
	@$(call alone,$(OF_RT))

.PHONY: test-rt-newer
test-rt-newer: ## all of them on one as OpenShift's: Linux 6.12, crun, SELinux enforcing
	@$(MAKE) --keep-going test-rt-newer-together test-rt-newer-alone

.PHONY: test-rt-newer-together
test-rt-newer-together:
	@$(NEWER) $(MAKE) test-rt-together

.PHONY: test-rt-newer-alone
test-rt-newer-alone:
	@$(NEWER) $(MAKE) test-rt-alone

.PHONY: test-rt-older
test-rt-older: ## of them what depends on kernel, runtime and LSM, on another one: Linux 6.1, runc, AppArmor
	@$(MAKE) test-rt OF_RT="rt_node and kernel"

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

.docs-venv: pyproject.toml testbed/environment.py
	@$(TESTBED) packages base
	@rm -rf .docs-venv
	@ln -s "$$($(PYTHON) -m tools.env docs)" .docs-venv

.PHONY: shims
shims: .venv ## the program that enters the container, for nodes of every architecture; .venv has this machine's
	@$(BIN)/python hatch_build.py >/dev/null

.PHONY: lock
lock: .release ## the newest versions of the tools and of what is bundled, into both requirements.txt
	@.release/bin/python -m release lock

.release: release/requirements.txt testbed/environment.py
	@$(TESTBED) packages base packaging
	@ln -sfn "$$($(PYTHON) -m release.env)" .release && touch -h .release

.venv: pyproject.toml tools/requirements.txt hatch_build.py $(wildcard kubectl_nsexec/node/shim/*.[ch])
	@$(TESTBED) packages base
	@echo "installing the project and its tools into .venv (the first time about a minute)"
	@$(call made,.venv, \
	$(PYTHON) -m tools.env checkout .venv; \
	$(PIP) --no-deps --no-build-isolation --editable .)
