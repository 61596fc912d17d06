"""Request ids, log context and metrics of tasks, by signals of Django, Celery and the circuit breakers."""
