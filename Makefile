# Aliases for people who type make; everything real is in dev.py.
PYTHON ?= python3

.PHONY: demo test check bench
demo test check bench:
	$(PYTHON) dev.py $@
