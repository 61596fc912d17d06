"""Request limits: rates, client addresses, and one place that counts requests and rejects some.

A view belongs to a throttle scope: its `throttle_scope`, or `read` or `write` by the request's method. The settings
give each scope a rate for users and one for addresses.
"""
