"""Spoken lines from free synthetic voices."""
