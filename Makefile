# Two commands: `make app` opens the dashboard, `make test` checks everything. Both set up first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# On Linux the package index's torch is the CUDA build: gigabytes of nvidia-* packages, of no use
# without such a GPU. PyTorch keeps its CPU build (some 200 MB) on an index of its own, whose address
# its page "Get started locally" gives for pip and CPU: make app TORCH_INDEX=that-address
# Where pip already knows such a place (pip config), or on macOS and Windows, nothing need be said.
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: app test bench lint clean

app: $(VENV)/.app
	$(BIN)/streamlit run app/main.py

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.browser.chromium
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

lint: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.app: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.app
	$(PIP) -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV)
