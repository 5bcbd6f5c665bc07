"""Measurements.

``make bench`` runs those of sessions, bytes, start-up and ingestion. :mod:`benchmarks.retrieval`,
:mod:`benchmarks.verification` and :mod:`benchmarks.answer_cache` are run by themselves.
"""
