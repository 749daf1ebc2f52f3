# make setup | demo | demo-all | check | test | test-gpu | lock | clean
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
NICE   := OMP_WAIT_POLICY=PASSIVE
DEMO   := hat-on-head
STORE  ?= .mmpart
EXAMPLES := $(notdir $(patsubst %/components.yaml,%,$(wildcard examples/*/components.yaml)))

.PHONY: setup demo demo-all check format test test-gpu lock clean node

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing; on Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || { echo "Python 3.11 or 3.12 is needed, $$($(PYTHON) --version) found; name another with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet "$$(grep '^torch==' requirements.lock)"
	$(BIN)/pip install --quiet --no-deps --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
	@echo "Ready: $(BIN)/mmpart --help"

# The glTF validator and the browser driver of the tests; skipped where there is no npm.
node: viewer/node_modules/.installed
viewer/node_modules/.installed: viewer/package-lock.json
	@if command -v npm >/dev/null; then cd viewer && npm ci --silent --no-audit --no-fund && touch node_modules/.installed; \
	else echo "npm is missing: the tests of the page and of GLB validity will be skipped (Debian: apt-get install nodejs npm)"; fi

demo: setup
	$(NICE) $(BIN)/mmpart generate examples/$(DEMO)/image.png --components examples/$(DEMO)/components.yaml --name $(DEMO) \
	  --profile local --store $(STORE) --output out/$(DEMO)
	@echo "Result: out/$(DEMO)/object.glb   Page: out/$(DEMO)/index.html   Pictures: out/$(DEMO)/sheet.png"

demo-all: setup
	@for name in $(EXAMPLES); do \
	  $(NICE) $(BIN)/mmpart generate examples/$$name/image.png --components examples/$$name/components.yaml --name $$name \
	    --profile local --store $(STORE) --output out/$$name || exit $$?; \
	done
	$(NICE) $(BIN)/mmpart generate --truth examples/lantern/lantern.glb --profile groundtruth --store $(STORE) --output out/lantern
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
	$(NICE) OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup -m "not gpu and not network"

test-gpu: setup node
	$(BIN)/pytest -m gpu

lock:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet torch==2.13.0 --editable ".[dev]"
	sed -n '/^#/p' requirements.lock > requirements.new
	$(BIN)/pip freeze --exclude-editable | grep -v '^opencv-python==' | sed 's/+[a-z0-9]*$$//' >> requirements.new
	mv requirements.new requirements.lock

clean:
	rm -rf $(VENV) out .mmpart viewer/node_modules
