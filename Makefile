# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
SEED ?= 0
OUT ?= runs/demo-$(shell date +%Y%m%d-%H%M%S)
BIN := $(VENV)/bin

# Benchmark data is looked for here, unless the caller says otherwise.
ifneq ($(wildcard ../shared/data),)
export CARSMOO_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test end-to-end kernels lint docs package clean

demo: $(VENV)/.installed
	$(BIN)/carsmoo search --preset clutter --set seed=$(SEED) --out $(OUT)

PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal

test: lint docs
	$(PYTEST)

end-to-end: $(VENV)/.installed
	$(PYTEST) -m end_to_end

# What depends on the processor's kernels; with ONEDNN_MAX_CPU_ISA=AVX2 as on one without AVX-512.
kernels: $(VENV)/.installed
	$(PYTEST) tests/nets tests/test_docs.py

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.installed
	$(BIN)/sphinx-build -W --keep-going -n -q -b html docs docs/_build/html

# Sdist and wheel in dist/, checked, and the wheel tried without extras in an environment that is empty but for it.
CLEAN ?= build/clean

package:
	rm -rf dist build
	$(PYTHON) -m venv build/tools
	build/tools/bin/pip install --quiet build twine
	build/tools/bin/python -m build --outdir dist .
	build/tools/bin/twine check --strict dist/*
	build/tools/bin/python .ci/check_files.py dist
	$(PYTHON) -m venv $(CLEAN)
	$(CLEAN)/bin/pip install --quiet --no-compile dist/*.whl
	mkdir build/tried && cd build/tried && $(abspath $(CLEAN))/bin/python -I $(abspath .ci/check_installed.py)

clean:
	rm -rf $(VENV) build dist docs/_build docs/_generated .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[test,docs]"
	touch $@
