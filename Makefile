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

# folder of https://download.pytorch.org/whl with the build of torch: `make install TORCH=cpu` saves
# several GB on Linux, where PyPI's is that for CUDA; without it, PyPI's
TORCH ?=

# seconds of `make fuzz`
SECONDS := 600
# torch of `make oldest`: the oldest one from PyPI brings CUDA with it; OLD_TORCH=torch==2.13.0 takes another
OLD := .oldest/bin
OLD_TORCH := torch>=2.6

.PHONY: install demo test test-all weights attacks fuzz oldest lint docs release clean

install: .venv/ready

demo: .venv/ready
	$(BIN)/python train.py model=small3d data=phantom data.n=240 trainer.max_epochs=8

test: lint
	$(TEST) -m "not slow"

test-all: lint
	$(TEST)

# about 40 minutes on two cores; DATA is the folder of the public scans
weights: .venv/test-ready
	$(BIN)/python -m benchmarks.weights $(DATA) outputs/weights

attacks: .venv/test-ready
	$(TEST) -m attacks --all-moments --attacks-table outputs/attacks.md

fuzz: .venv/test-ready
	PYTHONPATH=. $(BIN)/python tests/attacks/fuzz.py $(SECONDS)

# the oldest versions that pyproject.toml allows: tests of every package, a training, an inference
oldest:
	$(PYTHON) -m venv .oldest
	$(OLD)/pip install --quiet uv
	echo "$(OLD_TORCH)" > .oldest/overrides.txt
	$(OLD)/uv pip install --quiet --python $(OLD)/python --resolution lowest-direct \
		--override .oldest/overrides.txt -e '.[test]'
	$(OLD)/python -m pytest -o filterwarnings=default -n auto --maxprocesses 4 --dist loadfile -m "not slow" \
		tests/unit tests/integration/test_train.py tests/integration/test_infer.py

lint: .venv/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(if $(TORCH),$(INSTALL) torch --index-url https://download.pytorch.org/whl/$(TORCH))
	$(INSTALL) -e .
	touch $@

.venv/test-ready: .venv/ready
	$(INSTALL) -e '.[test]'
	touch $@

# the site, in site/
docs: .venv/ready
	$(INSTALL) -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# wheel, source archive and checksums in dist/, tried in an empty folder; nothing is uploaded
release: .venv/ready
	$(INSTALL) -e '.[release]'
	$(BIN)/python scripts/release.py

clean:
	rm -rf .venv site dist outputs/cache outputs/runs outputs/sweeps outputs/infer
