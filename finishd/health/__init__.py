"""Readiness: whether every part that the service needs works now, and if not, why.

`report.get_report()` runs the checks in `checks/`. finishd/operations/health.py serves the report over HTTP.
"""
