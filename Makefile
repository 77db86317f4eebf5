# make demo    the whole life of a model in a minute, on real data; needs a Rust toolchain and nothing else
# make demo-football   three models that forecast matches change together under load, likewise
# make test    everything; installs what the tests need first and says so
# make check   formatting, lints with warnings denied, rules
# make faults  processes that die at every point of a promotion, and storms, on both databases
# make bench-inference   predictions beside a bare echo, pinned to cores; PEER=mlserver adds the newest MLServer
# make bench-registry   calls of the registry on both databases beside their bare SQL; PEER=mlflow adds the newest MLflow
# make bench-reload   what callers notice of a heavy version that is loaded, of a hundred reloads and of a shadow
# make bench-train   fits of every family, reading and job creation beside scikit-learn, LightGBM, XGBoost and pandas
# make bench-evaluators   the walk of trees beside LightGBM's own library and ONNX Runtime, in one process on one thread
# make bench-score   a file scored as a batch, from Parquet to Parquet, beside LightGBM from Python
# make chart-check   the Helm chart, linted, rendered and validated

SHELL := /bin/bash
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lineal
export CARGO_TARGET_DIR ?= $(CACHE)/target
VENV := $(CACHE)/venv
NODE := $(CACHE)/node

.PHONY: demo demo-football test check faults bench-inference bench-registry bench-reload bench-train bench-evaluators bench-score chart-check test-tools fmt

demo:
	cargo build --locked --release --package lineal
	"$(CARGO_TARGET_DIR)/release/lineal" demo

demo-football:
	cargo build --locked --release --package lineal
	"$(CARGO_TARGET_DIR)/release/lineal" demo --football

test: test-tools
	LINEAL_TEST_PYTHON="$(VENV)/bin/python" NODE_PATH="$(NODE)/node_modules" tests/with-postgres cargo test --locked --workspace

faults:
	tests/with-postgres cargo test --locked --package lineal-tests --test faults -- --nocapture

check:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	tests/rules.sh

bench-inference: test-tools
	cargo build --locked --release --package lineal --package lineal-load
	VIRTUAL_ENV="$(VENV)" "$(CARGO_TARGET_DIR)/release/lineal-load" inference --exporter-folder "$(CACHE)/exporter" $(if $(PEER),--peer $(PEER) --peer-folder "$(CACHE)/$(PEER)")

bench-registry:
	cargo build --locked --release --package lineal --package lineal-load
	tests/with-postgres "$(CARGO_TARGET_DIR)/release/lineal-load" registry $(if $(PEER),--peer $(PEER) --peer-folder "$(CACHE)/$(PEER)")

bench-reload:
	cargo build --locked --release --package lineal --package lineal-load
	"$(CARGO_TARGET_DIR)/release/lineal-load" reload

bench-train:
	cargo build --locked --release --package lineal --package lineal-load
	tests/with-postgres "$(CARGO_TARGET_DIR)/release/lineal-load" train --peer-folder "$(CACHE)/peers"

bench-evaluators: test-tools
	cargo build --locked --release --package lineal-load
	VIRTUAL_ENV="$(VENV)" "$(CARGO_TARGET_DIR)/release/lineal-load" evaluators --exporter-folder "$(CACHE)/exporter"

bench-score: test-tools
	cargo build --locked --release --package lineal --package lineal-load
	VIRTUAL_ENV="$(VENV)" "$(CARGO_TARGET_DIR)/release/lineal-load" score --peer-folder "$(CACHE)/scorer"

chart-check:
	deploy/chart-check.sh

fmt:
	cargo fmt --all

# A Python with unmodified foreign clients and the libraries of foreign families. Nothing outside $(VENV) changes, except that Debian's
# python3-venv is installed if Python cannot make environments, and libgomp1 if it is missing.
test-tools: $(VENV)/.ready $(NODE)/.ready
$(VENV)/.ready: tests/foreign/requirements.txt tests/foreign/clients.txt
	@echo "installing the foreign clients and libraries of the tests into $(VENV)"
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "installing python3-venv with apt-get"; \
	  if [ "$$(id -u)" = 0 ]; then run=; else run=sudo; fi; \
	  $$run apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$run apt-get install -y -qq python3 python3-venv; }
	@ldconfig -p 2>/dev/null | grep -q libgomp.so.1 || [ "$$(uname)" != Linux ] || { \
	  echo "installing libgomp1, which LightGBM needs, with apt-get"; \
	  if [ "$$(id -u)" = 0 ]; then run=; else run=sudo; fi; \
	  $$run apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$run apt-get install -y -qq libgomp1; }
	python3 -m venv --clear "$(VENV)"
	"$(VENV)/bin/pip" install --quiet --disable-pip-version-check --requirement tests/foreign/requirements.txt
	"$(VENV)/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement tests/foreign/clients.txt
	touch "$@"

# A client of another ecosystem. Nothing outside $(NODE) changes, except that Debian's nodejs and npm are installed if there is no npm.
$(NODE)/.ready: tests/foreign/package.json
	@echo "installing the Node client of the tests into $(NODE)"
	@command -v npm >/dev/null || { \
	  echo "installing nodejs and npm with apt-get"; \
	  if [ "$$(id -u)" = 0 ]; then run=; else run=sudo; fi; \
	  $$run apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$run apt-get install -y -qq --no-install-recommends nodejs npm; }
	mkdir -p "$(NODE)" && cp tests/foreign/package.json "$(NODE)/"
	npm install --prefix "$(NODE)" --silent --no-audit --no-fund --no-package-lock
	touch "$@"
