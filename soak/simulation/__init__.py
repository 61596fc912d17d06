"""A simulation of the whole application in one process, with models in place of its servers.

A seed determines a list of steps: what people do, which process runs next and how far, what fails, and how time passes.
The application's services and tasks run as in production. Each of them pauses before every call to the activity store
and every round trip to Redis, and there another may run, or it is killed, or the call fails.

`python -m soak.simulation --seeds 10000` runs seeds, and `--seed 4711` prints the trace of one.

| module | contents |
|---|---|
| `steps` | the steps of a seed |
| `runner` | runs steps, then all work that is left |
| `requests` | what people do |
| `promises` | what must hold |
| `processes` | processes that pause, fail and are killed |
| `environment` | the models in place of the servers; `redis_model/`, `store_model/`, `broker`, `clock` |
| `minimise` | fewer steps with the same violation |
"""
