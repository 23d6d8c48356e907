# Two commands set everything up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test test-all test-cluster lint schemas examples bench bench-frames bench-peers clean
help:            ## show these targets
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/installed  ## plan, apply, drift and heal on a local AWS
	$(BIN)/reconcile demo

test: $(VENV)/installed  ## the whole test suite
	$(BIN)/pytest -n auto -m 'not exhaustive'

test-all: $(VENV)/installed  ## the suite with thousands of generated cases
	$(BIN)/pytest -n auto

test-cluster: $(VENV)/installed  ## the operator's tests on the cluster of KUBECONFIG instead of the fake one
	@test -n "$(KUBECONFIG)" || { echo 'say which cluster: make test-cluster KUBECONFIG=...'; exit 1; }
	CLUSTER_KUBECONFIG=$(abspath $(KUBECONFIG)) $(BIN)/pytest -m 'not exhaustive' tests/cluster tests/operator

lint: $(VENV)/installed  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

schemas: $(VENV)/installed  ## generate schemas/ and the text of --help from the code
	$(BIN)/python -m controller.generated schemas

examples: $(VENV)/installed  ## make the example statements in docs/examples anew
	UPDATE_DOCS=1 $(BIN)/pytest tests/test_examples.py

N ?= 100 1000
RUNS ?= plain '50 ms' limits
PEERS ?= 100
RESOURCES ?= 100 1000
STEADY ?= 60
bench: $(VENV)/installed  ## calls, seconds and memory on a local AWS; N="100 1000 5000 10000" for all sizes
	@$(BIN)/python -m benchmarks --sizes $(N) --runs $(RUNS) --peer-sizes $(PEERS)
	@BENCH_KUBECONFIG=$(if $(filter command,$(origin KUBECONFIG)),$(abspath $(KUBECONFIG))) \
		$(BIN)/python -m benchmarks.in_cluster --sizes $(RESOURCES) --steady $(STEADY)

bench-peers: benchmarks/.venv-custodian/installed benchmarks/.venv-idem/installed  ## install the tools that make bench runs beside ours

bench-frames: benchmarks/.venv-frames/installed  ## install pandas and polars, which benchmarks.export runs beside ours

benchmarks/.venv-%/installed: benchmarks/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean:           ## remove the virtual environment and caches
	rm -rf $(VENV) benchmarks/.venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
