# Everything below needs Python 3.11 or newer and make; the rest is installed into .venv, each file held against the
# hash that bootstrap.lock and requirements.lock state.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

OURS := collabrank features marketplace models serving training

COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	--python $(BIN)/python

.PHONY: install demo test test-landing test-all serve ui notebooks bench lint lock sbom audit docs site clean

install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock bootstrap.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r bootstrap.lock
	$(BIN)/uv pip install --quiet --require-hashes --only-binary :all: --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q $(OURS)
	touch $@

demo: install
	$(BIN)/python demo.py

PYTEST = $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --durations=10

test: install
	$(PYTEST) -m "not slow and not long"

# What must pass before a change lands: every test but the sweeps.
test-landing: install
	$(PYTEST) -m "not slow"

test-all: install
	$(BIN)/python -m pytest --durations=20

serve: install
	$(BIN)/collabrank serve

ui: install
	$(BIN)/collabrank ui

notebooks: install
	$(BIN)/python -m tests.notebooks

bench: install
	$(BIN)/python -m benchmarks

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# After it: make install, then make docs (the list of licences follows the lock).
lock:
	$(COMPILE) --upgrade --extra dev --no-emit-package collabrank pyproject.toml -o requirements.lock
	$(COMPILE) --extra console --extra postgres --no-emit-package collabrank --constraint requirements.lock pyproject.toml -o runtime.lock
	printf 'uv\nsetuptools>=77\n' | $(COMPILE) --upgrade --constraint requirements.lock - -o bootstrap.lock
	printf 'pip-audit\n' | $(COMPILE) --upgrade - -o audit.lock

sbom: install
	$(BIN)/python -m tests.supply sbom build/sbom.json

# Asks a service on the network about every locked package; with ADVISORIES=FOLDER (a clone of the Python Packaging
# Advisory Database) it asks nobody.
audit: install
ifdef ADVISORIES
	$(BIN)/python -m tests.supply audit $(ADVISORIES)
else
	$(BIN)/uv venv --quiet --clear build/audit
	$(BIN)/uv pip install --quiet --require-hashes --only-binary :all: --python build/audit/bin/python -r audit.lock
	build/audit/bin/pip-audit --disable-pip --require-hashes -r requirements.lock -r bootstrap.lock
endif

docs: install
	$(BIN)/python -m marketplace.contract.reference
	$(BIN)/python -m marketplace.contract.unread
	$(BIN)/python -m features.signals.reference
	$(BIN)/python -m collabrank.reference
	$(BIN)/python -m tests.leaks.page
	$(BIN)/python -m tests.extending --write
	$(BIN)/python -m tests.supply licences

# The documentation as a site: python -m http.server --bind 127.0.0.1 --directory build/site shows it, with its search.
site: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

clean:
	rm -rf $(VENV) var build *.egg-info
