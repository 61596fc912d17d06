"""Throttle scopes and their default limits. The environment may change each: `THROTTLE_<SCOPE>_<USER|ADDRESS>`.

A phone that scrolls as fast as fingers move stays far below these. Behind one address of a mobile carrier are
thousands of phones.
"""

from typing import Final

DEFAULTS: Final = {
    "feed": {"user": "120/min", "address": "6000/min"},
    "write": {"user": "120/min", "address": "3000/min"},
    "events": {"user": "60/min", "address": "3000/min"},
    "search": {"user": "120/min", "address": "2000/min"},
    "read": {"user": "120/min", "address": "3000/min"},
    # Responses 401. There is no known user, only an address.
    "denied": {"address": "300/min"},
    # Attempts to log in to the admin. The `user` is the login name.
    "login": {"user": "10/15min", "address": "30/15min"},
}
