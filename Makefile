# Every target stands alone: it makes the environment in .venv first if that is missing or out of date.
#   make run [ARGS="--port 8000"]   the dashboard          make test    fast tests and the browser's
#   make test-all                   the slow ones too      make lint    checks, changes nothing
#   make format                     tidies the code        make bench   timings and ratios
# PYTHON=...  the interpreter to build with       BROWSER=0   leaves the browser's tests out, loudly
# WORKERS=4   tests in so many processes (2)      PYTEST_ARGS="-k word"   more for pytest

VENV = .venv
PY = $(VENV)/bin/python
RUN_READY = $(VENV)/.ready-to-run
DEV_READY = $(VENV)/.ready-to-develop
PIP = $(PY) -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
TYPED = embedder $(wildcard eval)
ARGS =
PYTEST_ARGS =
BROWSER = 1
WORKERS = 2

export PYTHONUNBUFFERED = 1

.PHONY: run test test-all lint format bench setup clean

run: $(RUN_READY)
	$(PY) app.py $(ARGS)

setup: $(DEV_READY)

# One shell finds an interpreter that is new enough; `python3` is asked first.
$(RUN_READY): requirements.txt constraints.txt
	@if ! $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "The explorer needs Python 3.11 or newer; python3 is $$(python3 --version 2>&1)."; \
	    echo "Install one, then: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; \
	  fi; \
	  echo "Making the environment in $(VENV) with $$($$found --version) ..."; \
	  $$found -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "Installing the packages of requirements.txt, in the versions of constraints.txt (about a minute) ..."
	@$(PIP) --upgrade pip
	@$(PIP) --requirement requirements.txt
	@touch $@

$(DEV_READY): $(RUN_READY) pyproject.toml
	@echo "Installing what development needs (groups dev, int8, eval-extras and mcp of pyproject.toml) ..."
	@$(PIP) --group dev --group int8 --group eval-extras --group mcp
	@touch $@

# $(1): the tests to take, as a pytest mark expression.
define run-tests
	@started=$$(date +%s); status=0; marks='$(1)'; \
	if [ "$(BROWSER)" = 0 ]; then \
	  echo "*** BROWSER=0: the browser's tests are LEFT OUT ***"; marks="($$marks) and not browser"; \
	else \
	  $(PY) tests/browser/find_chromium.py --install || exit 1; \
	fi; \
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(WORKERS) --dist loadfile -m "$$marks" $(PYTEST_ARGS) || status=$$?; \
	if [ "$(BROWSER)" = 0 ]; then echo "*** BROWSER=0: the browser's tests were LEFT OUT ***"; fi; \
	echo "Tests took $$(( $$(date +%s) - started )) s (set-up of the environment not counted)."; \
	exit $$status
endef

test: $(DEV_READY)
	$(call run-tests,not slow and not gpu and not network and not bench)

test-all: $(DEV_READY)
	$(call run-tests,not network and not bench)

bench: $(DEV_READY)
	$(PY) -m pytest -m bench -s -q $(PYTEST_ARGS)

# All four are run before the verdict, so that one look shows everything there is to mend.
lint: $(DEV_READY)
	@status=0; \
	echo "ruff check"; $(PY) -m ruff check . || status=1; \
	echo "ruff format --check"; $(PY) -m ruff format --check . || status=1; \
	echo "mypy $(TYPED)"; $(PY) -m mypy $(TYPED) || status=1; \
	echo "lint-imports"; $(VENV)/bin/lint-imports --no-logo || status=1; \
	if [ $$status = 0 ]; then echo "lint: clean"; else echo "lint: FAILED (make format mends what can be mended)"; fi; \
	exit $$status

format: $(DEV_READY)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache tests/artifacts
