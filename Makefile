PYTHON ?= python3
BIN := .venv/bin
SAMPLES := ecommerce saas subscription
JOBS ?= 2
SPREAD := -n $(JOBS) --no-loadscope-reorder  # tests/conftest.py says which tests go to one worker

AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)  # as in a container

# Debian keeps venv in a package of its own.
GET_VENV := test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq python3-venv \
  || { echo "Python's venv is missing. Install it: sudo apt-get install python3-venv" >&2; false; }

.PHONY: report lab test lint types unit notebooks docs soak clean

report: .venv/kit
	@for kind in $(SAMPLES); do \
	  test -f businesses/$$kind/business.toml || $(BIN)/engagekit init businesses/$$kind --kind $$kind --sample; done
	@$(BIN)/engagekit report $(SAMPLES:%=businesses/%) --out reports --jobs $(JOBS)
	@echo "Open $(CURDIR)/reports/index.html"

# JupyterLab on copies of the notebooks, which are yours to change, with what the lessons need.
lab: .venv/lessons
	@$(BIN)/engagekit lessons start lab/explore --kind explore
	@$(BIN)/engagekit lessons start lab/lessons
	@$(BIN)/jupyter-lab $(AS_ROOT) --LabApp.default_url=/lab/tree/lab/explore/start-here.ipynb

test: lint types unit notebooks

lint: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/dev
	@$(BIN)/mypy

unit: .venv/dev
	@$(BIN)/pytest -q $(SPREAD) -m "not soak"

notebooks: .venv/dev
	@$(BIN)/pytest -q -n $(JOBS) --dist loadfile --nbval --nbval-current-env notebooks/solutions
	@$(BIN)/pytest -q -n $(JOBS) --dist loadfile --nbval-lax --nbval-current-env notebooks/explore

docs: .venv/dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open $(CURDIR)/site/index.html"

# What takes long: every test, those marked soak too, with 25 times the examples of Hypothesis.
soak: .venv/dev
	@$(BIN)/pytest -q $(SPREAD) --hypothesis-profile soak
	@$(BIN)/python benchmarks/reports.py --rounds 1 --customers 20000
	@$(BIN)/python benchmarks/reports.py --rounds 1 --customers 200000 --parquet

# Stamps of what is installed (the kit, with what lessons need, with what tests need), each made again only when what it
# depends on changes.
.venv/kit .venv/lessons .venv/dev: pyproject.toml constraints.txt | .venv/bin/pip
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".$(if $(filter kit,$(@F)),,[$(@F)])"
	@touch $@

.venv/bin/pip:
	@$(PYTHON) -m venv .venv || { rm -rf .venv; $(GET_VENV) && $(PYTHON) -m venv .venv; }

clean:
	rm -rf .venv businesses reports build dist site  # not lab/, which may hold your work
