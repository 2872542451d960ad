# `make demo` runs the main job, `make test` the tests that take minutes, `make test-all` all tests.
# Each sets up .venv first: the demo with what lungcam needs, the tests with their own tools too.
PYTHON ?= python3
BIN := .venv/bin
# modules are compiled when they are first imported: most of those installed never are; with this
# variable, which many containers set, that would be at every start
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/pip install --quiet --no-compile -c constraints.txt
# one process for each processor; the files with slow tests come first
TEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-all lint clean

demo: .venv/ready
	$(BIN)/python train.py model=small3d data=phantom data.n=240 trainer.max_epochs=8

test: lint
	$(TEST) -m "not slow"

test-all: lint
	$(TEST)

lint: .venv/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) -e .
	touch $@

.venv/test-ready: .venv/ready
	$(INSTALL) -e '.[test]'
	touch $@

clean:
	rm -rf .venv outputs/cache outputs/runs outputs/sweeps outputs/infer
