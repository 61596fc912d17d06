"""Functions that run in a process with Django: seeding data, and operations that are measured where they run.

`bench.rpc` calls the public functions of these modules by name. Arguments and results are JSON values. Durations are
in seconds.
"""
