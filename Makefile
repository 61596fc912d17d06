# Requires Python 3.11 or newer and a package index, nothing else. `make help` lists the targets.
PYTHON ?= python3
PY = .venv/bin/python
PYTEST = $(PY) -m pytest
WORKERS = -n auto --maxprocesses 4

# Django's settings require these variables. Commands that use them open no connection.
SETTINGS = env DEBUG=false FINISHD_DATA=/nonexistent ALLOWED_HOSTS=finishd.example \
	SECRET_KEY=a-key-for-checks-only-that-signs-nothing-0123456789-abcdefghij \
	REDIS_URL=redis://127.0.0.1:1/0 CACHE_URL=redis://127.0.0.1:1/0 CELERY_BROKER_URL=redis://127.0.0.1:1/0 \
	DATABASE_URL=sqlite://:memory: FIREBASE_PROJECT_ID=finishd-check FIREBASE_KEYS_FILE= FINISHD_EMBEDDED_REDIS=false

# Tests whose result depends on the database. They run on SQLite and on PostgreSQL. finishd/tests/test_databases.py checks
# that every file of tests is either here or known to give the same result on both.
SQL_TESTS = content analytics $(wildcard activity/tests/test_store_*.py) \
	$(addprefix activity/tests/test_,cold_loads.py delivery.py backfill.py rebuilds.py sweep.py tasks.py) \
	$(addprefix activity/tests/test_,flushing.py history_deltas.py history_reader.py admin.py) \
	$(addprefix feed/tests/test_,journeys.py changes_between_pages.py other_versions.py paging.py sessions.py walks.py budgets.py) \
	$(addprefix feed/tests/test_,indexes.py index_commands.py index_failures.py engagement.py engagement_signal.py) \
	finishd/privacy finishd/restore finishd/staff finishd/health finishd/operations/tests/test_health.py \
	$(addprefix finishd/tests/test_,returning_viewers.py pull_delivery.py friends_model.py watched_feed.py) \
	$(addprefix finishd/tests/test_,deadlines.py sql_deadlines.py interrupted_sql.py read_only_database.py) \
	$(addprefix core/tests/test_,sql_outages.py clocks.py)

.DEFAULT_GOAL := help
.PHONY: help install run test check lint types slow gauntlet bench soak simulate requirements \
	migrations openapi keys format clean sql-tests

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

install: ## create .venv with the locked requirements (run and test do this themselves)
	@$(PYTHON) requirements/install.py dev

run: install ## web server, workers, beat and an embedded Redis in this terminal; PORT=8000 HOST=127.0.0.1
	@exec $(PY) -m finishd.run

test: check ## check, then the tests on SQLite and on PostgreSQL: seven minutes on two cores
	$(PYTEST) $(WORKERS) -m "not slow and not gauntlet"
	FINISHD_TEST_DATABASE=postgresql $(PYTEST) $(WORKERS) -m "not slow and not gauntlet" -k "not [firestore" $(SQL_TESTS)

check: lint types ## lint, format, types, import layers, migrations, deploy check, container files
	.venv/bin/lint-imports
	$(SETTINGS) $(PY) manage.py makemigrations --check --dry-run
	$(SETTINGS) DATABASE_URL=postgres://finishd@127.0.0.1:1/finishd \
		$(PY) manage.py check --deploy --fail-level WARNING
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	.venv/bin/hadolint Dockerfile

lint: install ## ruff: rules and format
	$(PY) -m ruff check
	$(PY) -m ruff format --check

types: install ## mypy, strict
	$(SETTINGS) $(PY) -m mypy .

slow: install ## the tests marked slow: minutes
	$(PYTEST) $(WORKERS) --dist loadfile -m "slow and not gauntlet"

gauntlet: install ## the tests at full size, with kills and faults; run them before closing an issue
	$(PYTEST) -n 0 -m gauntlet

bench: install ## measure speeds against floors of the same run: 15 minutes; BENCH=quick only checks that it runs
	@$(PYTHON) requirements/install.py bench
	@$(PY) -m bench

soak: install ## mixed load with injected faults, then a check of all promises; MINUTES=15, SEED=1 repeats a run
	@$(PY) -m soak --minutes $(or $(MINUTES),15) $(if $(SEED),--seed $(SEED)) $(if $(BUG),--bug $(BUG))

simulate: install ## the application on models of its servers that fail at random; SEEDS=1000, SEED=18 prints the trace of one
	@$(PY) -m soak.simulation --seeds $(or $(SEEDS),1000) $(if $(SEED),--seed $(SEED))

requirements: install ## update requirements/*.txt within the bounds of the .in files
	@command -v uv >/dev/null || $(PY) -m pip install --quiet uv
	@for name in base dev prod bench; do \
		(cd requirements && PATH="$$PATH:$(CURDIR)/.venv/bin" UV_CUSTOM_COMPILE_COMMAND="make requirements" \
		uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --no-emit-find-links $$name.in --output-file $$name.txt) || exit 1; \
	done
	@git --no-pager diff --stat -- requirements

migrations: install ## create the migrations of changed models
	$(SETTINGS) $(PY) manage.py makemigrations

openapi: install ## regenerate docs/openapi.yaml, the snapshot that a test compares
	$(SETTINGS) $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

keys: install ## regenerate the table in docs/REDIS_KEYS.md, which a test compares
	$(SETTINGS) $(PY) -m finishd.operations.docs

# First and last: the formatter wraps long lines, which ruff check rejects, and the fixes may need formatting.
format: install ## format and fix the code with ruff
	$(PY) -m ruff format
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

clean: ## remove .venv, caches and the data of `make run` in .data
	rm -rf .venv .data .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

sql-tests:
	@echo $(SQL_TESTS)
