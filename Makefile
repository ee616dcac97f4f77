# The targets that matter; each sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check eval cluster bench docs

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "vops needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "setting up .venv (once)" >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: .venv/.installed  ## The TUI on the embedded lab
	@$(BIN)/vops --lab healthy

# Six workers for two cores: one or two of them wait for processes, and each that is more collects all tests once more.
# What they import is compiled once, not in each of them: they begin with different modules (tests/conftest.py).
test: .venv/.installed  ## Every test that needs neither Go nor root
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 6 --dist worksteal -q

check: .venv/.installed  ## What CI checks beside the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

eval: .venv/.installed  ## How right the diagnosis is, by cause
	$(BIN)/python -m tests.eval --wrong

cluster: .venv/.installed  ## The suite on a real control plane and a real node (needs root and Go)
	tests/cluster/build.sh
	tests/cluster/run.sh

bench: .venv/.installed  ## Measurements against kubectl, printed (needs root and Go)
	tests/cluster/build.sh
	tests/bench/run.sh

docs: .venv/.installed  ## Generated reference pages and screenshots
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/make_screenshots.py
