# Everything here sets itself up: the first target that needs it builds .venv and installs mmkit with the tested versions.
#
#   NB=05 PROFILE=lab ARGS="--jobs 1"    what `make replicate` runs (default: all notebooks, profile smoke, nothing more)
#   PYTHON=/path/to/python3.12           which Python builds .venv (default: the first of 3.11, 3.12, 3.13 that is found)
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu    PyTorch without its CUDA libraries: 1 GB instead of 6 on a machine without a GPU

NB ?= all
PROFILE ?= smoke
ARGS ?=
PYTHON ?=
TORCH_INDEX ?=
EXTRAS := notebooks,teach,cluster,graphs,test
WHOLE := test_notebooks.py test_readme.py test_robust.py

BIN := $(CURDIR)/.venv/bin
STAMP := .venv/.installed
PYTEST := $(BIN)/python -m pytest
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help replicate test lab bench publish clean
.DEFAULT_GOAL := help

help:
	@echo "make replicate   run every notebook at profile smoke (NB=05 and PROFILE=lab narrow and deepen it)"
	@echo "make lab         open the notebooks in JupyterLab"
	@echo "make test        check the code and run all tests, notebooks included"
	@echo "make bench       measure speed (not part of make test)"
	@echo "make publish     put the outputs and figures of the lab runs into notebooks/ and figures/"
	@echo "make clean       remove .venv and caches; runs/ stays"
	@echo "The first of these sets up .venv: about 2 minutes and 6 GB, or 1 GB without a GPU and with"
	@echo "TORCH_INDEX=https://download.pytorch.org/whl/cpu make ..."

replicate: $(STAMP)
	$(BIN)/mmkit run $(NB) --profile $(PROFILE) $(ARGS)

lab: $(STAMP)
	MMKIT_RUNS="$(CURDIR)/runs" $(BIN)/jupyter lab notebooks

# One thread per process: the processes share the cores among themselves.
test bench: export OMP_NUM_THREADS := 1
test bench: export MKL_NUM_THREADS := 1
test bench: export TOKENIZERS_PARALLELISM := false
test bench: export HF_HUB_OFFLINE := 1
test bench: export PYTHONHASHSEED := 0

test: $(STAMP)
	$(BIN)/ruff check .
	$(PYTEST) -q -n 2 --dist loadscope -m "not slow" $(addprefix --ignore=tests/,$(WHOLE))
	$(PYTEST) -q -n 2 -m slow $(addprefix --ignore=tests/,$(WHOLE))
	$(PYTEST) -q --durations=5 $(addprefix tests/,$(WHOLE))

bench: $(STAMP)
	$(PYTEST) -q tests/bench

publish: $(STAMP)
	$(BIN)/python notebooks/publish.py runs/*/lab-world

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find mmkit data_scripts tests notebooks -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} + 2>/dev/null || true

# A command that only exists as a stub (pyenv, the Windows store) does not count, so each candidate is asked: it names the interpreter
# itself, not an active .venv that is about to be replaced. Debian ships Python without ensurepip: other ways are tried before giving up.
$(STAMP): pyproject.toml constraints.txt
	@set -e; \
	ask='import sys; print(sys._base_executable if (3, 11) <= sys.version_info[:2] <= (3, 13) else "")'; \
	if [ -z "$$(.venv/bin/python -c "$$ask" 2>/dev/null)" ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then \
	  for candidate in $(if $(PYTHON),$(PYTHON),python3.11 python3.12 python3.13 python3 python); do \
	    python=$$("$$candidate" -c "$$ask" 2>/dev/null) || true; \
	    if [ -n "$$python" ]; then break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "No Python 3.11, 3.12 or 3.13 found$(if $(PYTHON), at PYTHON=$(PYTHON)). Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; \
	  fi; \
	  echo "Building .venv with $$("$$python" --version) ($$python)"; \
	  rm -rf .venv; \
	  "$$python" -m venv .venv >/dev/null 2>&1 \
	    || { rm -rf .venv; uv venv --quiet --seed --python "$$python" .venv; } 2>/dev/null \
	    || { rm -rf .venv; virtualenv --quiet --python "$$python" .venv; } 2>/dev/null \
	    || { rm -rf .venv; "$$python" -m venv --without-pip .venv && "$$python" -m pip --python .venv/bin/python install --quiet pip; } 2>/dev/null \
	    || { rm -rf .venv; echo "$$python cannot make a virtual environment. On Debian and Ubuntu: sudo apt install python3-venv; elsewhere: pip install virtualenv" >&2; exit 1; }; \
	fi; \
	echo "Installing mmkit and the versions of constraints.txt: about 2 minutes, $(if $(TORCH_INDEX),1,6) GB the first time ..."; \
	.venv/bin/python -m pip install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt -e '.[$(EXTRAS)]'; \
	touch $@; \
	echo "Ready."
