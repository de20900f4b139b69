# Everything a user types. Each target sets up what it needs; `make` alone lists them.
VENV ?= .venv
PYTHON ?= python3
RUN = OMP_WAIT_POLICY=passive $(VENV)/bin/python -m pipeline
# Extra overrides: make train ARGS="data=online_retail data.root=/data"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup train score lookalike value segments shares messages market report portrait compare sweep ui test test-spark cluster-up cluster-down check format bench bench-lookalike bench-quality clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## create the virtual environment and install everything (the other targets do it for you)

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; found " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,dev]'
	@touch $@

train: setup ## features, models, portraits and a look-alike audience for the default source (ARGS="data=...")
	$(RUN) $(ARGS)

score: setup ## portraits of all customers with the champion models
	$(RUN) stages=[features,score] $(ARGS)

lookalike: setup ## the customers most like a seed
	$(RUN) stages=[lookalike] $(ARGS)

value: setup ## what customers are worth, which groups bring it, who the best ones are (after stage score, where there is one)
	$(RUN) stages=[value] $(ARGS)
segments: setup ## activity, behaviour and rule segments, movement between them, overlap
	$(RUN) stages=[features,segments] $(ARGS)

shares: setup ## who has a profile, and group shares of the base corrected for it
	$(RUN) stages=[features,shares] $(ARGS)

messages: setup ## per segment a brief and messages in each language, after features and lookalike
	$(RUN) stages=[messages] $(ARGS)
market: setup ## how many people each rule segment has, and what they are worth
	$(RUN) stages=[features,segments,market] $(ARGS)

report: setup ## segments, value, market, messages, and one page for a marketer: outputs/<source>/report/report-en.html
	$(RUN) stages=[segments,value,market,messages,report] $(ARGS)

portrait: setup ## one customer's portrait: make portrait CUSTOMER=1001
	$(RUN) stages=[portrait] customer=$(CUSTOMER) $(ARGS)

compare: setup ## the last trainings side by side, each against the champion (ARGS="compare.runs=[...] compare.metric=log_loss")
	$(RUN) stages=[compare] $(ARGS)

sweep: $(VENV)/.sweep ## search for better settings with Optuna, judged on customers set aside (ARGS="experiment=sweep_fast": minutes)
	$(RUN) --multirun $(if $(findstring experiment=,$(ARGS)),,experiment=sweep) $(ARGS)

$(VENV)/.sweep: $(VENV)/.ready
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,dev,sweep]'
	@touch $@

ui: setup ## open the MLflow UI on http://127.0.0.1:5000
	MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true $(VENV)/bin/mlflow ui --host 127.0.0.1 --port $(or $(PORT),5000) --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///models/mlflow.db}"

test: setup ## all tests but those of test-spark
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(VENV)/bin/python -m pytest -q -n 2 --dist worksteal -m "not spark" $(ARGS)

# Installs the extra [spark]: 500 MB, a Java among them. One process, for it starts a cluster of its own.
test-spark: $(VENV)/.spark ## the tests of engine=spark, on a cluster of a master and two workers that they start themselves
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(VENV)/bin/python -m pytest -q tests/engine/spark $(ARGS)

cluster-up: $(VENV)/.spark ## start a Spark cluster on this machine, for trying: make train ARGS="engine=spark engine.master=spark://127.0.0.1:7077"
	$(VENV)/bin/python -m pipeline.engine.cluster up $(ARGS)

cluster-down: $(VENV)/.spark ## stop that cluster
	$(VENV)/bin/python -m pipeline.engine.cluster down

$(VENV)/.spark: $(VENV)/.ready
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,dev,spark]'
	@touch $@

check: setup ## format, lint, types, import direction
	$(VENV)/bin/ruff format --check pipeline tests
	$(VENV)/bin/ruff check pipeline tests
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: setup ## format the code and mend what the linter can
	$(VENV)/bin/ruff format pipeline tests
	$(VENV)/bin/ruff check --fix pipeline tests

bench: setup ## time and memory beside alternatives, as a table (ARGS="features refresh --sizes 2000000 --rounds 3")
	OMP_WAIT_POLICY=passive $(VENV)/bin/python -m tests.bench $(ARGS)

bench-lookalike: setup ## time, memory and recall of the look-alike indexes, as a table (ARGS="--sizes 5000000")
	OMP_WAIT_POLICY=passive $(VENV)/bin/python -m tests.bench.lookalike $(ARGS)

# Peers want older libraries than we do: a Python of their own, with the extra [peers] alone.
PEERS ?= .venv-peers

$(PEERS)/.ready: pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["peers"], sep="\n")' | $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement /dev/stdin
	@touch $@

bench-quality: setup $(PEERS)/.ready ## predictive quality on fixed folds against open tools, as a table (ARGS="--help")
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(VENV)/bin/python -m tests.bench.quality --peers $(PEERS)/bin/python $(ARGS)

clean: ## remove what the stages wrote, not the models
	rm -rf outputs
