# make demo    train on the digits and write runs/demo/report.html
# make test    run the tests
# make prove   every crash, damage, kill and fuzzed input, not only a share of them; writes docs/reliability.md's table
# make soak    100,000 steps: memory and open files stay what they are
# make lint    formatting, style, types, directions of imports
# make check   lint and test: what CI runs
# make bench   install peers and measure speed beside them and beside plain loops, as paired ratios
# make clean   remove the environment and caches; runs stay

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 3
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test prove soak lint check bench clean

demo: $(READY)
	$(BIN)/idm demo --out runs/demo

test: $(READY)
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations=20 \
		--jaxtyping-packages=idm,beartype.beartype

prove: $(READY)
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --prove --jaxtyping-packages=idm,beartype.beartype \
		tests/unit/training tests/unit/storage tests/unit/data/test_loader.py tests/unit/data/test_image_zoo.py \
		tests/unit/tasks/test_planted_defects.py tests/cli/test_kill.py tests/cli/test_torchrun.py tests/reliability

soak: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.reliability.soak

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/ruff check --select F821 tests benchmarks examples tools
	$(BIN)/basedpyright
	$(BIN)/lint-imports

check: lint test

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check diffusers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps denoising-diffusion-pytorch einops ema-pytorch tqdm
	$(BIN)/python benchmarks/compare.py --out benchmarks/results/cpu

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml constraints.txt tools/setup
	./tools/setup $(VENV) $(PYTHON)
	touch $(READY)
