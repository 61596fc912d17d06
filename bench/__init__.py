"""The benchmark: `make bench` compares speeds with floors that are measured in the same run (docs/PERFORMANCE.md).

- `families`: the measurements
- `context`, `deployment`: what they run on
- `servers`, `web`, `processes`, `rpc`, `environment`: starting and calling processes; the soak uses them too
- `remote`: functions that run in a process with Django
- `floors`: views that do the least work possible, for comparison

Only `remote` and `floors` import Django.
"""
