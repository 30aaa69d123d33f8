# lteims. `make` alone lists the targets; everything that is installed goes into .venv, nothing outside the checkout.
PYTHON ?=
CONFIG ?= config/ims.cfg
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
# Where npm is there already, by whomever, it will do: builds of nodejs from elsewhere hold it, and exclude Debian's.
PEERS = sip-tester baresip-core baresip-ffmpeg linphone-cli tshark openssl tmux prometheus $(if $(shell command -v npm 2>/dev/null),,npm)
RIVALS := sip-tester kamailio
ENGINE = debootstrap $(if $(shell { docker info || dockerd --version; } >/dev/null 2>&1 && echo there),,docker.io) \
	$(if $(shell docker compose version 2>/dev/null),,docker-compose)
LAB := user-mode-linux kmod iproute2 tcpdump freediameterd freediameter-extensions osmo-msc osmo-hlr
TESTS ?= tests/kernel
JOBS ?= 2
IMAGE_TEST := tests/net/test_image_engine.py
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
PROFILES := --profile sim --profile sgs --profile open5gs --profile pyhss --profile monitoring
.DEFAULT_GOAL := help
.PHONY: help install installed installed-dev now-installed now-installed-dev run test lint bench lab image image-test up down demo

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1 - /p' $(MAKEFILE_LIST) | awk -F' - ' '{printf "make %-11s %s\n", $$1, $$2}'

install: installed ## make .venv with the pinned packages and .venv/bin/lteims
	@echo "$(BIN)/lteims is ready"

run: installed ## start the server on config/ims.cfg (CONFIG=... for another)
	$(BIN)/lteims $(CONFIG)

test: lint ## lint, then every test, with real SIP phones from Debian (IMAGE=1: the Docker image's too; JOBS=2 at a time)
	@sh .ci/packages $(PEERS) $(LAB) $(if $(IMAGE),$(ENGINE))
	$(BIN)/python -m pytest -n $(JOBS) $(if $(IMAGE),tests $(IMAGE_TEST))

lint: installed-dev ## ruff, the format, mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: installed-dev ## every benchmark, against a peer or a floor, as one table
	@sh .ci/packages $(RIVALS)
	$(BIN)/python -m bench.run

lab: installed-dev ## run tests/kernel on a kernel with SCTP and ESP: this one or the lab's (TESTS=FILE for some)
	@sh .ci/packages $(LAB)
	@$(BIN)/python -m tests.kernel.lab $(TESTS)

image: ## build the Docker image lteims (EXTRA_CA=FILE to trust one more root, BASE=IMAGE for another Debian)
	@command -v docker >/dev/null || { echo "There is no docker here: apt-get install docker.io docker-compose;" \
		"or, without it, the same in namespaces: sudo netns/lab run" >&2; exit 1; }
	docker build $(if $(EXTRA_CA),--build-arg EXTRA_CA="$$(cat $(EXTRA_CA))") $(if $(BASE),--build-arg BASE=$(BASE)) -t lteims .
	@docker image inspect -f 'lteims: {{.Size}} octets' lteims

image-test: installed-dev ## build the image and try it on a Docker engine, with phones outside and with compose
	@sh .ci/packages $(PEERS) $(ENGINE)
	$(BIN)/python -m pytest $(IMAGE_TEST)

up: image ## start the server in a container of its own (PROFILE=monitoring: with Prometheus and Grafana)
	$(COMPOSE) $(if $(PROFILE),--profile $(PROFILE)) up -d
	@$(COMPOSE) exec -T ims sh -c 'until health >/dev/null 2>&1; do sleep 0.2; done' \
		|| { $(COMPOSE) logs --no-color --tail 20 ims >&2; exit 1; }
	@$(COMPOSE) logs --no-color ims | grep ready: | tail -n 1

down: ## stop what `make up` has started; the state is kept
	$(COMPOSE) $(PROFILES) down

demo: installed ## two virtual phones register, call and text at the server of `make run`; every message is shown
	@for _ in 1 2 3 4; do \
		$(BIN)/python -c 'import socket; socket.create_connection(("127.0.0.1", 5060), 2)' 2>/dev/null && exit; sleep 0.5; \
	done; echo "Nobody listens on 127.0.0.1:5060: make run in another terminal, until it says ready" >&2; exit 1
	$(BIN)/lteims ue -v docs/scenarios/two_phones.yaml

# One at a time: `make demo` waits for a `make run` that still compiles, and finds all done.
installed installed-dev:
	@mkdir -p build && exec 9>build/lock \
		&& { ! command -v flock >/dev/null || flock -n 9 \
			|| { echo "waiting for another make, which installs here"; flock 9; }; } \
		&& $(MAKE) --no-print-directory now-$@ 9>&-

now-installed: $(VENV)/.installed
now-installed-dev: $(VENV)/.installed-dev
now-installed now-installed-dev:
	@:

$(BIN)/python:
	python=$$(sh .ci/python $(PYTHON)) && $$python -m venv $(VENV)

$(VENV)/.requirements: requirements.txt requirements-build.txt | $(BIN)/python
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --require-hashes -r requirements-build.txt
	@touch $@

# Sources that differ from the installed package, be they newer, older, more or fewer, make it anew.
ifneq ($(filter now-%,$(MAKECMDGOALS)),)
ifneq ($(shell test -x $(BIN)/python && $(BIN)/python -I -m lteims.installed 2>&1),current)
.PHONY: $(VENV)/.installed
endif
endif
$(VENV)/.installed: $(VENV)/.requirements pyproject.toml setup.py
	@rm -rf build/lib* build/bdist*
	@echo "building lteims: where there is a C compiler, a minute or two of all processors"
	$(PIP) --no-build-isolation --no-deps --force-reinstall .
	@if [ -e build/pure ]; then echo "lteims runs as pure Python, about half as fast: $$(cat build/pure)"; fi
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@
