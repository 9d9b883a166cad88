# Every target does all its own set-up in $(VENV); Python >= 3.11 and make are all they need.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
CONSTRAINTS := .ci/constraints.txt
BIN := $(VENV)/bin

# What a new rule, game, loader or loss is told by: a minute of processor time, half of it with two processes.
FAST := @.ci/fast.txt

# What the numbers depend on and no language model: at the lowest versions, and on the newest Python.
CORE := $(addprefix tests/,data equilibrium games preferences rules testing engine/test_engine.py \
	test_files.py test_game.py test_inspection.py test_logspace.py test_policies.py test_rankings.py)
NEWEST ?= python3.13

.PHONY: help reproduce reproduce-full test test-fast test-slow test-lowest test-newest docs lint clean

help:
	@echo "make reproduce   draw every figure into figures/ (minutes)"
	@echo "make reproduce-full  draw those whose paper's length takes minutes into figures/full/"
	@echo "make test        run the tests in $(WORKERS) processes (WORKERS=N), printing every skip"
	@echo "make test-fast   run those that need no minute: rules, games, data, exact answers, losses"
	@echo "make test-slow   run the tests marked slow"
	@echo "make test-lowest run the core at the lowest versions that are accepted, in $(VENV)-lowest"
	@echo "make test-newest run the core on $(NEWEST) (NEWEST=...) with the newest of everything, in $(VENV)-newest"
	@echo "make docs        build the documentation into docs/_build/html; every warning is an error"
	@echo "make lint        check style and types"
	@echo "make clean       remove $(VENV) and what make docs wrote"

reproduce: $(VENV)/.installed-figures
	$(BIN)/nashsim reproduce

reproduce-full: $(VENV)/.installed-figures
	$(BIN)/nashsim reproduce --full

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m "not slow" --numprocesses $(WORKERS) --dist loadfile \
		--cov --cov-report=term:skip-covered --cov-fail-under=95

test-fast: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m "not slow" --numprocesses $(WORKERS) --dist loadfile $(FAST)

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow --results tests/slow.json

# No compiler is needed: wheels alone are taken.
test-lowest: PYTHON_OF := $(PYTHON)
test-lowest: PINS := --constraint .ci/lowest.txt
test-newest: PYTHON_OF := $(NEWEST)
test-lowest test-newest: test-%:
	$(PYTHON_OF) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: $(PINS) \
		--editable '.[arrow]' hypothesis mpmath pytest pytest-xdist
	$(VENV)-$*/bin/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(CORE)

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

clean:
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-newest docs/_build docs/_generated docs/gallery docs/reference

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python >= 3.11 is needed; name one by: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The constraints hold for the build environment too.
$(VENV)/.installed $(VENV)/.installed-docs $(VENV)/.installed-figures $(VENV)/.installed-test $(VENV)/.installed-dev: export PIP_CONSTRAINT = $(CONSTRAINTS)
$(VENV)/.installed: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@
