"""The soak test: mixed load on production's servers while processes and databases fail, then a check of all invariants.

Run `python -m soak --minutes 15 --seed 1`, or `make soak MINUTES=15 SEED=1`. It starts servers with the modules of
`bench` (`servers`, `web`, `processes`, `rpc`, `environment`).
"""
