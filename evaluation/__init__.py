"""Metrics and reports over data sets."""
