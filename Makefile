# `make` alone prints what there is. Every target makes the environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ENVS := .leadlens/bench
TOOLS := .leadlens/release

.DEFAULT_GOAL := help
.PHONY: help setup demo docs test quick lint check bench bench-quality bench-features bench-audit bench-gates bench-little bench-learned-sheet bench-explain bench-raw-lead bench-scorecard bench-read bench-imports bench-night bench-spark bench-app bench-vocabulary languages spark schema lock clean

help: ## Print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## Make .venv with the pinned, hashed packages

demo: $(READY) ## Train, score and compare on two simulated worlds; say what to open
	$(BIN)/leadlens demo

docs: $(VENV)/.docs ## Build the documentation as a site in site/; warnings are errors
	$(BIN)/python -m sphinx --quiet --fail-on-warning --fresh-env --doctree-dir $(VENV)/.doctrees --conf-dir docs . site
	@echo "open site/index.html"

# Spark is half a gigabyte: tests of it are skipped where it is not installed, as those of the site are, but never by CI.
# A file's tests stay together: what they share (a cluster, a trained project) is made once.
# Their order within a file is shuffled, the same way each time: `make test SEED=random` looks for tests that
# depend on those before them without failing somebody's unrelated change.
SEED ?= 1
test: $(READY) $(if $(CI),$(VENV)/.spark $(VENV)/.docs $(TOOLS)/.ready) ## Run all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
	  --randomly-seed=$(if $(filter random,$(SEED)),$(shell date +%s),$(SEED))

# The laws on few examples, the split, old files (they train and score), writing back, and what scores are made of.
QUICK := tests/test_old_files.py tests/laws tests/pipeline/test_time_split.py tests/pipeline/test_saved_matrix.py \
  tests/pipeline/test_writeback_duckdb.py tests/pipeline/test_writeback_files.py tests/pipeline/test_project_file.py \
  $(addprefix tests/models/,test_folds.py test_judging_metrics.py test_judging_compare.py test_scorecard_mechanisms.py)

quick: $(READY) ## Run the central tests, in under a minute
	LEADLENS_EXAMPLES=3 $(BIN)/python -m pytest -q -n 2 --dist worksteal --ignore tests/laws/test_spreadsheet_laws.py \
	  --ignore tests/laws/test_corridor_laws.py $(QUICK)

lint: $(READY) ## Format, lint, imports and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy

check: lint test ## Lint and test

N ?= 60

.PHONY: mutants
mutants: $(READY) ## Put N small errors into the code, one by one: do its tests notice? (half an hour; N=60)
	$(BIN)/python -m tests.mutants -n $(N)

.PHONY: installed
installed: $(READY) ## Install the wheel and the source archive with all they need, and take the README's tour (minutes)
	$(BIN)/python -m tests.installations --python $(PYTHON)

.PHONY: weights
weights: $(VENV)/.spark ## Measure what an installation weighs and how long it takes to start; renews docs/installing.md
	$(BIN)/python -m benchmarks.weights

.PHONY: dependencies
dependencies: $(VENV)/.spark $(TOOLS)/.ready ## Write the SBOM; check licences and known vulnerabilities (docs/releasing.md)
	$(TOOLS)/bin/python -m release.dependencies --environment $(VENV)

bench: bench-quality bench-features bench-audit bench-gates bench-little bench-learned-sheet bench-explain bench-raw-lead bench-scorecard bench-read bench-night ## Run every benchmark

bench-quality: $(READY) $(ENVS)/peers/.ready ## Judge model, sheets and five peers on the real data sets and both worlds (SEEDS=1 METHOD=)
	$(BIN)/python -m benchmarks.quality --peers $(ENVS)/peers/bin/python --seeds $(or $(SEEDS),1) $(addprefix --method ,$(METHOD))

bench-features: $(READY) $(ENVS)/featuretools/.ready ## Time features against scanning, pandas and featuretools (20 M events)
	$(BIN)/python -m benchmarks.features --featuretools $(ENVS)/featuretools/bin/python

bench-audit: $(READY) ## Hold the audit against documented leaks, with nothing declared
	$(BIN)/python -m benchmarks.audit

bench-gates: $(READY) ## Ask which models the gates before a champion let through, real ones and 40 that learned nothing
	$(BIN)/python -m benchmarks.gates

bench-little: $(READY) ## Learn from 10 to 300 conversions of the real data sets, beside logistic regression and sheet
	$(BIN)/python -m benchmarks.little_data

bench-learned-sheet: $(READY) ## Learn a sheet of 20 lines of each real data set: what does it keep of the model?
	$(BIN)/python -m benchmarks.learned_sheet

bench-explain: $(READY) ## Time the reasons of many rows beside LightGBM's own, and check them
	$(BIN)/python -m benchmarks.explain

bench-raw-lead: $(READY) ## Time one new lead as JSON, warm, beside `explain` of the same leads
	$(BIN)/python -m benchmarks.raw_lead

bench-scorecard: $(READY) ## Time a sheet of 60 rules with ledgers against a feature build (1 M leads)
	$(BIN)/python -m benchmarks.scorecard

bench-read: $(READY) ## Time reading a project: first, again, with more, edited (1 M leads, 45 M events)
	$(BIN)/python -m benchmarks.read

bench-imports: $(READY) ## Read an export of a million contacts as CSV, Parquet and workbook, beside DuckDB's own readers
	$(BIN)/python -m benchmarks.imports

bench-night: $(READY) ## Time a night from raw files to PostgreSQL, stage by stage (1 M leads, 45 M events)
	$(BIN)/python -m benchmarks.night

bench-spark: $(READY) $(VENV)/.spark ## Time a night from raw files on Spark: one worker, two, and here (20 M events)
	$(BIN)/python -m benchmarks.spark

bench-app: $(READY) ## Publish a night of a million leads and read its page in 20 sessions at once (1 M leads, 45 M events)
	$(BIN)/python -m benchmarks.app

bench-vocabulary: $(READY) ## Train with and without the kinds of features that came after 0.1.0 (not in bench)
	$(BIN)/python -m benchmarks.vocabulary --seeds 5

schema: $(READY) ## Write the JSON Schemas of project files, score sheets and leads as JSON
	$(BIN)/leadlens schema configs/schema

languages: $(READY) ## Bring the page's catalogues up to date with its messages
	$(BIN)/python -m leadlens.pipeline.languages.extracting

spark: $(VENV)/.spark ## Add the Spark engine to .venv (needs Java 17 to run)

lock: $(READY) ## Renew the locks (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --extra app --extra mlflow --group dev pyproject.toml -o requirements.lock
	echo 'pyspark[connect]>=4.1' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --constraints requirements.lock - -o requirements-spark.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group docs --constraints requirements.lock -o requirements-docs.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group release --constraints requirements.lock -o requirements-release.lock

clean: ## Remove what make made; models and runs in .leadlens stay
	rm -rf $(VENV) $(ENVS) .leadlens/release demo site .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Peers of the benchmarks, each set of pinned packages in an environment of its own. The state folder is its owner's alone.
$(ENVS)/%/.ready: benchmarks/%.txt
	mkdir -p -m 700 .leadlens
	$(PYTHON) -m venv $(ENVS)/$*
	$(ENVS)/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

$(VENV)/.spark: requirements-spark.lock | $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
	@touch $@

$(VENV)/.docs: requirements-docs.lock | $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	@touch $@

$(TOOLS)/.ready: requirements-release.lock
	mkdir -p -m 700 .leadlens
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-release.lock
	@touch $@

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Leadlens needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@
