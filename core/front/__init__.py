"""The server front: the ASGI application between the web server and Django.

Its event loop stamps the arrival of each request, answers liveness, reads the body and decides whether the request is
admitted. Only then does the request wait for a thread, which runs Django's WSGI application (`workers`). The queue of
each lane is bounded (`queue`), and every request in it has a class (`classes`). docs/decisions/0031 has the reasons.
"""

from core.front.app import Front
from core.front.classes import Lane, RequestClass

__all__ = ["Front", "Lane", "RequestClass"]
