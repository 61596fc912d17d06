"""A soak: a mixed load on the servers of production while parts of them die, and what must be true afterwards.

`python -m soak --minutes 15 --seed 1`, or `make soak MINUTES=15`.
"""
