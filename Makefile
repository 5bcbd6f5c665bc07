# The whole developer interface. `make` or `make help` lists it; CI runs the same targets.

VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements/torch.txt requirements/lock.txt scripts/install.py pyproject.toml
DEV_LOCKS := requirements/dev-lock.txt requirements/test-model.txt
CHECKED := streamlit_app.py sitechat providers vectorstore tests benchmarks scripts
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock"

SETS ?= examples/eval/documentation

export TOKENIZERS_PARALLELISM := false

.DEFAULT_GOAL := help
.PHONY: help install run test lint fmt bench eval soak lock clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.runtime ## Make .venv and install what SiteChat needs to run (no GPU packages).

run: $(VENV)/.runtime ## Install where needed, then serve SiteChat and print its address.
	@scripts/serve

test: $(VENV)/.dev ## Everything CI checks: format, lint, types, layers, Dockerfile, and all tests but the soak.
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest -m "not soak" -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev ## Format, lint, types, layers and the Dockerfile, without running tests.
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/hadolint Dockerfile

fmt: $(VENV)/.dev ## Format the code, and write .env.example and docs/settings.md from the settings.
	@$(BIN)/ruff format $(CHECKED)
	@$(BIN)/ruff check --fix $(CHECKED)
	@$(BIN)/python scripts/settings_reference.py

bench: $(VENV)/.dev ## Measure sessions, bytes, start-up and ingestion beside baselines; writes benchmarks/RESULTS.md.
	@$(BIN)/python -m benchmarks

eval: $(VENV)/.runtime ## Measure search and answers on question sets: SETS="folder …"; else on our documentation's.
	@$(BIN)/sitechat eval $(addprefix --set ,$(SETS)) $(OPTIONS)

soak: $(VENV)/.dev ## The long sweeps: kills at random moments, failing disks, installs from nothing.
	@$(BIN)/pytest -m soak --timeout 3600

lock: $(VENV)/.dev ## Resolve the dependencies of pyproject.toml anew into requirements/*lock.txt, with hashes.
	@$(COMPILE) --upgrade pyproject.toml requirements/torch-needs.in -o requirements/lock.txt
	@$(COMPILE) --upgrade --extra dev -c requirements/lock.txt pyproject.toml requirements/torch-needs.in \
		-o requirements/dev-lock.txt

clean: ## Remove .venv and all caches; data (.data) and .env stay.
	@rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(VENV)/.runtime: $(LOCKS)
	@python=$$(PYTHON="$(PYTHON)" scripts/find-python) && "$$python" scripts/install.py --venv $(VENV)
	@touch $@

$(VENV)/.dev: $(LOCKS) $(DEV_LOCKS)
	@python=$$(PYTHON="$(PYTHON)" scripts/find-python) && "$$python" scripts/install.py --dev --venv $(VENV)
	@touch $(VENV)/.runtime $@
