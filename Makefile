# The targets that matter; each sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check cluster bench docs

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: .venv/.installed  ## The TUI on the embedded lab
	@$(BIN)/vops --lab healthy

test: .venv/.installed  ## Every test that needs neither Go nor root
	$(BIN)/python -m pytest -n 2

check: .venv/.installed  ## What CI checks beside the tests
	$(BIN)/ruff format --check vops tests
	$(BIN)/ruff check vops tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
