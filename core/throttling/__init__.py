"""How often somebody may ask: rates, whose address a request comes from, and the one place that refuses.

Knows no app. A view belongs to a class of requests (`throttle_scope`, else `read` or `write` by its method); what each
class may do is in settings, from the environment.
"""
