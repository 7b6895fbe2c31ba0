# The one front door; what CI runs is made of the same targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
DEMO_ACCOUNTS ?= 10000
export UV_PYTHON_DOWNLOADS = never

.DEFAULT_GOAL := help
.PHONY: help install demo run test test-browser test-services test-services-quick test-faults test-faults-quick check format lock audit bench screenshots clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | awk -F: '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(VENV)/installed ## make .venv with everything the workbench and its tests need

$(VENV)/installed: requirements/dev.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt; \
	fi
	@touch $@

demo: install ## a generated book of accounts, scored for 180 nights, served on this machine
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py demo --accounts $(DEMO_ACCOUNTS) --address http://127.0.0.1:$(PORT)/
	@$(MAKE) --no-print-directory run

run: install ## serve what is in the database
	@echo "Serving on http://127.0.0.1:$(PORT)/ (Ctrl-C stops)"
	@$(BIN)/gunicorn csm.wsgi --bind 127.0.0.1:$(PORT) --worker-class gthread --threads 8 --timeout 120 --log-level warning

test: install ## the whole suite on the embedded default
	@$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not services and not faults" tests

test-browser: install ## only the pages in Chromium, each in both views
	@EVERY_VIEW=1 $(BIN)/python -m pytest -n 2 --dist worksteal -q -m browser tests

test-services: install ## what asks a database on PostgreSQL, and real Redis and Celery workers; all thrown away after
	@tests/services/throwaway.sh $(MAKE) --no-print-directory with-services

# What CI has time for: where the two databases are spoken to differently. The whole takes twenty minutes.
DIFFERING := tests/scoring/services tests/scoring/metrics tests/accounts/ingest/test_run.py tests/accounts/ingest/test_resume.py \
  tests/csm/jobs tests/csm/lib tests/csm/portfolio/test_lists.py tests/csm/portfolio/test_paging.py tests/csm/portfolio/test_search.py \
  tests/csm/portfolio/test_gathering.py tests/csm/test_by_day.py tests/csm/test_outages.py tests/csm/audit \
  tests/playbooks/services/test_night.py tests/playbooks/services/test_evaluation.py
test-services-quick: install ## of those, the ones CI runs
	@tests/services/throwaway.sh $(MAKE) --no-print-directory with-services TESTS="$(DIFFERING)" \
	  PROCESSES="tests/services/test_celery_night.py tests/services/test_by_day.py -k 'one_is_killed or within_seconds'"

TESTS ?= tests
PROCESSES ?= tests/services
with-services:
	@env -u REDIS_URL $(BIN)/python -m pytest -n 2 --dist worksteal -q --only-database \
	  -m "not services and not browser and not faults" $(TESTS)
	@$(BIN)/python -m pytest -q -m services $(PROCESSES)

test-faults: install ## kill, stop and fill up real processes (about 12 minutes; FAULT_SECONDS shortens the load)
	@$(BIN)/python -m pytest -q -m faults tests/faults

test-faults-quick: install ## a few of those
	@$(BIN)/python -m pytest -q -m "faults and quick" tests/faults

audit: install ## known faults of the dependencies; says so when the advisory service cannot be reached
	@$(BIN)/python .ci/audit.py

services: ## PostgreSQL and Redis on this machine, installed and started where they are missing (Debian, as root)
	@deploy/services.sh

check: install ## lint, format, types, migrations, deployment settings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(64))") ALLOWED_HOSTS=csm.example.com \
	  $(BIN)/python manage.py check --deploy --fail-level WARNING
	@$(BIN)/mypy

format: install ## put imports and layout in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## pin the dependencies of pyproject.toml again (needs uv)
	uv lock --quiet
	uv export --quiet --no-header --no-emit-project --no-dev -o requirements/base.txt
	uv export --quiet --no-header --no-emit-project -o requirements/dev.txt

bench: install ## speed of this machine as JSON
	@$(BIN)/python manage.py bench

screenshots: install ## the pictures of the guides, from a running demo
	@$(BIN)/python tests/e2e/take_screenshots.py http://127.0.0.1:$(PORT)

clean: ## remove the environment and the local database
	rm -rf $(VENV) var
