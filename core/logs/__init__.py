"""The log: one line per record, JSON in production, with the request id and what else `core.log_context` bound.

Of a record, only the message and the fields named here are written. Django and Celery attach requests and arguments
to records; those stay out. `formatters` needs no Django, because the web server's parent process uses it.
"""
