# One command each. Everything is set up on first use, in .venv and through the system's packages.
SHELL := /bin/bash
PY := .venv/bin/python
.DEFAULT_GOAL := help

.PHONY: help run tour test check simulate rigs bench bench-calls bench-sync lock setup setup-tests setup-bench clean

help:
	@echo "make run    set up, then start the small server, the desk in practice mode and a patient link"
	@echo "make tour   the whole first visit without a display, with screenshots in build/tour/"
	@echo "make test   all tests        make check  lint, types, layers, licences, secrets"
	@echo "make simulate SEEDS=2000   seeded histories of desks and a server, planted bugs"
	@echo "make rigs STATES=50000 KILLS=2000 CALLS=20000 APPS=100 MUTATIONS=100000   crash and tampering rigs"
	@echo "make bench  benchmarks       make bench-calls BENCH='--minutes 35'  calls beside Chromium's"
	@echo "make bench-sync BENCH=--full   store and sync against their goals"
	@echo "make lock   renew requirements/*.txt"

setup:
	@scripts/setup.sh run

setup-tests:
	@scripts/setup.sh tests

setup-bench:
	@scripts/setup.sh bench

run: setup
	@$(PY) -m telemed_desk.practice

tour: setup-tests
	@$(PY) -m tests.end_to_end.tour --out build/tour

test: setup-tests
	@scripts/run_tests.sh

check: setup-tests
	@scripts/run_checks.sh

simulate: setup-tests
	@$(PY) -m tests.simulator --seeds $(or $(SEEDS),2000) --workers $(or $(WORKERS),2)

rigs: setup-tests
	@$(PY) -m tests.rigs --states $(or $(STATES),300) --kills $(or $(KILLS),50) --calls $(or $(CALLS),100) \
	  --mutations $(or $(MUTATIONS),5000) --apps $(or $(APPS),0) --histories $(or $(HISTORIES),0) $(RIGS)

bench: setup-bench
	@$(PY) -m benchmarks

bench-calls: setup-bench
	@$(PY) -m benchmarks.calls $(BENCH)

bench-sync: setup-bench
	@$(PY) -m benchmarks.sync $(or $(BENCH),--quick)

lock: setup-tests
	@scripts/lock.sh

clean:
	rm -rf build .mypy_cache .ruff_cache .pytest_cache
