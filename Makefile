# Both targets do all their own set-up in $(VENV); Python >= 3.11 and make are all they need.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
CONSTRAINTS := .ci/constraints.txt
BIN := $(VENV)/bin

.PHONY: help reproduce reproduce-full test test-slow lint clean

help:
	@echo "make reproduce   draw every figure into figures/ (minutes)"
	@echo "make reproduce-full  draw those whose paper's length takes minutes into figures/full/"
	@echo "make test        run the tests in $(WORKERS) processes (WORKERS=N), printing every skip"
	@echo "make test-slow   run the tests marked slow"
	@echo "make lint        check style"
	@echo "make clean       remove $(VENV)"

reproduce: $(VENV)/.installed
	$(BIN)/nashsim reproduce

reproduce-full: $(VENV)/.installed
	$(BIN)/nashsim reproduce --full

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m "not slow" --numprocesses $(WORKERS) --dist loadfile \
		--cov --cov-report=term:skip-covered --cov-fail-under=95

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow --results tests/slow.json

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python >= 3.11 is needed; name one by: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The constraints hold for the build environment too.
$(VENV)/.installed $(VENV)/.installed-test $(VENV)/.installed-dev: export PIP_CONSTRAINT = $(CONSTRAINTS)
$(VENV)/.installed: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@
