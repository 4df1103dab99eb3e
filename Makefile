# Everything below needs Python 3.11 or newer and make; the rest is installed into .venv, each file held against the
# hash that bootstrap.lock and requirements.lock state.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	--python $(BIN)/python

.PHONY: install demo test test-all serve ui notebooks bench lint lock docs clean

install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock bootstrap.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r bootstrap.lock
	$(BIN)/uv pip install --quiet --require-hashes --only-binary :all: --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

demo: install
	$(BIN)/python demo.py

test: install
	$(BIN)/python -m pytest -m "not slow" --durations=10

test-all: install
	$(BIN)/python -m pytest --durations=20

serve: install
	$(BIN)/collabrank serve

ui: install
	$(BIN)/collabrank ui

notebooks: install
	$(BIN)/python -m pytest tests/notebooks

bench: install
	$(BIN)/python -m benchmarks

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

lock:
	$(COMPILE) --upgrade --extra dev --no-emit-package collabrank pyproject.toml -o requirements.lock
	printf 'uv\nsetuptools>=77\n' | $(COMPILE) --upgrade --constraint requirements.lock - -o bootstrap.lock

docs: install
	$(BIN)/python -m marketplace.contract.reference
	$(BIN)/python -m marketplace.contract.unread
	$(BIN)/python -m features.signals.reference
	$(BIN)/python -m collabrank.reference
	$(BIN)/python -m tests.leaks.page
	$(BIN)/python -m tests.extending --write

clean:
	rm -rf $(VENV) var build *.egg-info
