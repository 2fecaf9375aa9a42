# Every target shares .venv/ and sets it up by itself; nothing but Python 3.11+ is needed beforehand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo tour test lint types screenshots cog metrics lock bench gate clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP) ## Install everything into .venv/

demo: $(STAMP) ## Run the bot against the sandbox, with a page on loopback
	$(BIN)/python -m sandbox

tour: $(STAMP) ## Play a scripted conversation in the terminal and check how each step ends
	$(BIN)/python -m sandbox.tour

test: lint types $(STAMP) ## Lint, types, import contracts, tests; every branch of the domain and the operations
	$(BIN)/python -m pytest -n auto --cov=bot.domain --cov=bot.operations --cov-branch --cov-fail-under=100

lint: $(STAMP) ## ruff, import contracts, spelling, workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/yamllint --strict .github
	$(BIN)/zizmor --offline --strict-collection --quiet .github

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

bench: $(STAMP) ## Measure speed, calls and memory
	$(BIN)/python -m benchmarks

gate: $(STAMP) ## Refuse more calls, processor time per request or memory than benchmarks/gates.py allows
	$(BIN)/python -m benchmarks gate

screenshots: $(STAMP) ## Take the README's pictures anew (needs chromium)
	$(BIN)/python -m tests.browser.screenshots

cog: $(STAMP) ## Regenerate the generated parts of the documentation
	$(BIN)/cog -r README.md docs/*.md

lock: ## Choose dependency versions anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" pyproject.toml --extra sandbox --extra dev -o requirements-dev.lock

clean: ## Remove what the targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .sandbox
