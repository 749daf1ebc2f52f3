# make setup | node | demo | demo-all | check | test | test-long | test-gpu | docs | site | lock | clean
PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV   := .venv
BIN    := $(VENV)/bin
NICE   := OMP_WAIT_POLICY=PASSIVE
DEMO   := toy-robot
STORE  ?= .mmpart
EXAMPLES := $(notdir $(patsubst %/components.yaml,%,$(wildcard examples/*/components.yaml)))

.PHONY: setup demo demo-all check format test test-long test-gpu docs site lock clean node

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" .ci/system-packages setup
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "Python 3.11 is needed, $$($(PYTHON) --version) found. Get it with 'apt-get install python3.11 python3.11-venv' (Debian 12),"; \
	  echo "or on any Linux with 'pipx run uv python install 3.11'; then: make setup PYTHON=<its path, such as python3.11>"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet "$$(grep '^torch==' requirements.lock)"
	$(BIN)/pip install --quiet --no-deps --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
	@echo "Ready: $(BIN)/mmpart --help"

# What the tests of pages and of GLB validity need; where it cannot be had they are skipped, and say so.
node:
	@.ci/system-packages test || echo "The tests that need these are skipped."
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory viewer/node_modules/.installed; fi
viewer/node_modules/.installed: viewer/package-lock.json
	cd viewer && npm ci --silent --no-audit --no-fund && touch node_modules/.installed

demo: setup
	$(NICE) $(BIN)/mmpart generate examples/$(DEMO)/image.png --components examples/$(DEMO)/components.yaml --name $(DEMO) \
	  --profile local --store $(STORE) --output out/$(DEMO)
	@echo "Result: out/$(DEMO)/object.glb   Page: out/$(DEMO)/index.html   Pictures: out/$(DEMO)/sheet.png"

demo-all: setup
	@for name in $(EXAMPLES); do \
	  $(NICE) $(BIN)/mmpart generate examples/$$name/image.png --components examples/$$name/components.yaml --name $$name \
	    --profile local --store $(STORE) --output out/$$name || exit $$?; \
	done
	$(NICE) $(BIN)/mmpart generate --truth examples/lantern/lantern.glb --profile groundtruth --store $(STORE) --name lantern-known --output out/lantern-known
	@echo "Results: out/*/index.html"

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	git ls-files -z -- ':!*.lock' ':!*package-lock.json' ':!viewer' ':!mmpart_core/output/assets' | xargs -0 $(BIN)/detect-secrets-hook

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup node
	$(NICE) OMP_NUM_THREADS=1 $(BIN)/pytest -rs -n 2 --dist loadgroup -m "not gpu and not network and not long"

# Whole journeys: the studio in a browser, hosted models that fail in every way, processes that are killed.
test-long: setup node
	$(NICE) OMP_NUM_THREADS=1 $(BIN)/pytest -rs -m long

test-gpu: setup node
	$(BIN)/pytest -rs -m gpu

# Writes the tables of the evaluation's manual from the code.
docs: setup
	$(BIN)/python -m evaluation.manual docs/evaluation.md

# The documentation as a site: no network, and no warning is let pass. The tests build it, too.
site: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "Site: out/site/index.html"

lock:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet torch==2.13.0 --editable ".[dev]"
	sed -n '/^#/p' requirements.lock > requirements.new
	$(BIN)/pip freeze --exclude-editable | grep -vE '^(opencv-python|pyliblzfse)==' | sed 's/+[a-z0-9]*$$//' >> requirements.new
	mv requirements.new requirements.lock

clean:
	rm -rf $(VENV) out .mmpart viewer/node_modules
