# Everything here needs Python 3.11 or newer and make; each target sets up what it needs in .venv.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.PHONY: help demo test lint soak bench compat clean

help:
	@echo "make demo    spend per feature and team of a local workload; needs no keys"
	@echo "make test    linters, types and the whole test suite"
	@echo "make lint    linters and types only"
	@echo "make soak    the claims at full size, a line each with its figure; takes minutes"
	@echo "make bench   what the instrumentation costs, measured here"
	@echo "make compat  the ways of calling with old and new SDKs, OpenTelemetry and Pythons"
	@echo "make clean   remove .venv"

demo: $(VENV)/.demo
	@$(BIN)/otel-cost demo

test: lint
	@$(BIN)/python -m pytest -q -n auto $(PYTEST_ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

soak: $(VENV)/.dev
	@OTEL_COST_SOAK=1 $(BIN)/python -m pytest -q -m soak

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks

compat: $(VENV)/.dev
	@$(BIN)/python tools/compat.py $(COMPAT_ARGS)

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@for python in python3.13 python3.12 python3.11 python3; do \
		if $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Creating $(VENV) with $$($$python --version)"; \
			exec $$python -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "No Python 3.11 or newer with the venv module was found." \
		"Install one (on Debian and Ubuntu: python3 and python3-venv) and run make again." >&2; \
	exit 1

# What a user installs; `test` adds the development tools to the same environment.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "Installing otel-cost into $(VENV)"
	@$(PIP) install --editable '.[openai,anthropic,cli]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.demo
	@echo "Installing the development tools into $(VENV)"
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --editable . --group dev
	@touch $@
