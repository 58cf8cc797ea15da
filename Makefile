# `make demo` and `make test` are all that a newcomer needs; both build .venv when it is missing.

PY := .venv/bin/python
# The first Python that all packages have wheels for; `make demo PYTHON=/path/to/python3.12` overrides.
FITS := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" $(FITS) && { echo "$$p"; break; }; done)
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# What pip does on one core, on all, and without what only tests of others import; what can't be compiled is no Python.
COMPILE := $(PY) -m compileall -qq -j 0 -x '/tests?/' .venv/lib harness || true
# What MLflow's tracking server needs beside its client, for the tests of `export --to mlflow`.
TRACKING := sqlalchemy alembic flask flask-cors

.PHONY: help demo test dev-by-parts lint lint-workflows audit sbom hashes clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   run the SMS spam suite on a small language model, on this machine"
	@echo "make test   run all tests"
	@echo "make lint   ruff, mypy, import-linter, vulture, zizmor"
	@echo "make audit  known weaknesses in what is pinned"
	@echo "make sbom   what an installation is made of, as CycloneDX"
	@echo "make clean  remove .venv and caches (not the results)"

demo: .venv/.local
	@$(PY) -m harness demo

# One process more than the two cores that CI has: tests of limits, kills and clusters wait for half of their time.
test: .venv/.dev
	@OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n 3 --dist loadgroup

lint: .venv/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	.venv/bin/vulture
	$(MAKE) lint-workflows

# Security of the workflows and of the action; tests/unit/test_workflows.py checks their structure.
lint-workflows: .venv/.dev
	.venv/bin/zizmor --offline --persona=pedantic --quiet action.yml .github/workflows

.venv/.made:
	@test -n "$(PYTHON)" && "$(PYTHON)" $(FITS) || { echo "Python 3.11 to 3.14 is needed, and \
	$(if $(PYTHON),$(PYTHON) is none,none was found). Install one, or name it: make demo PYTHON=/path/to/python3.12" >&2; exit 2; }
	@"$(PYTHON)" -m venv .venv || { echo "$(PYTHON) cannot make a virtual environment: \
	on Debian and Ubuntu, install python3-venv." >&2; exit 2; }
	@touch $@

.venv/.local: .venv/.made pyproject.toml constraints.txt
	@echo "installing the harness into .venv" >&2
	@$(PIP) --editable . || { echo "The install failed: is there a network, or a package index that pip can reach?" >&2; exit 2; }
	@$(PIP) --editable '.[local,view]' || { echo "The embedded model's server (xllamacpp) has no wheel for this platform. \
	The rest is installed: give harness.yml a model with 'endpoint: chat' and the 'base_url' of any OpenAI-compatible \
	server, then: .venv/bin/python -m harness run suites/sms_spam.suite.yml --model NAME" >&2; exit 2; }
	@touch $@

.venv/.dev: .venv/.made pyproject.toml constraints.txt
	@echo "installing the harness and its test tools into .venv" >&2
	@$(PIP) --no-compile --editable '.[dev,tables,view,otel,local,ray,mlflow]' $(TRACKING) 2>/dev/null \
	  || $(MAKE) --no-print-directory dev-by-parts
	@$(COMPILE)
	@touch $@

# Where one call can't have all: what tests can be run without.
dev-by-parts:
	@$(PIP) --editable '.[dev,tables,view,otel]' || { echo "The install failed: is there a network, or a package index that pip can reach?" >&2; exit 2; }
	@$(PIP) --editable '.[local]' || echo "no wheel of xllamacpp for this platform: tests of the embedded model are skipped" >&2
	@$(PIP) --editable '.[ray]' || echo "no wheel of Ray for this platform: its tests are skipped" >&2
	@$(PIP) --editable '.[mlflow]' $(TRACKING) || echo "MLflow could not be installed: its test is skipped" >&2

# What is pinned, held against the public lists of known weaknesses (needs a network that reaches them).
audit: .venv/.supply
	.venv/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off

# What the installed harness is made of, as CycloneDX: test tools left out.
sbom: .venv/.supply
	@mkdir -p dist
	@"$(PYTHON)" -m venv dist/.sbom-env
	@dist/.sbom-env/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt '.[local,tables,view]'
	@.venv/bin/cyclonedx-py environment dist/.sbom-env --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom.cdx.json
	@rm -rf dist/.sbom-env
	@echo dist/sbom.cdx.json

# The pinned versions again, with the hashes of their files, for `pip install --require-hashes`.
hashes: .venv/.supply
	@head -3 .ci/requirements-hashed.txt > .ci/hashed.new
	@.venv/bin/uv pip compile pyproject.toml --extra local --extra tables --extra view --constraint constraints.txt \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet >> .ci/hashed.new
	@mv .ci/hashed.new .ci/requirements-hashed.txt

.venv/.supply: .venv/.made constraints.txt
	@$(PIP) pip-audit cyclonedx-bom uv
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
