"""The web server and its front: processes, threads, connections, queues and bodies. See docs/decisions/0031."""

from finishd.settings.environment import read

WEB_PROCESSES = read.count("WEB_PROCESSES", default=2, maximum=64)
# Of each process, for the API. With Firestore, 8: they wait for Google.
WEB_THREADS = read.count("WEB_THREADS", default=4, maximum=64)
# Open connections of each process. More wait until one is closed.
WEB_CONNECTIONS = read.count("WEB_CONNECTIONS", default=4_000, minimum=100, maximum=100_000)
# Seconds until a connection without a complete request header is closed: new, idle or slow. The proxy must close its
# idle connections earlier, or a request may arrive on a connection that is just being closed.
WEB_IDLE_SECONDS = read.whole_seconds("WEB_IDLE_SECONDS", default=20, maximum=60)
# Requests to the API that wait for a thread of a process. Half of a deadline is the longest wait in any case.
WEB_QUEUE = read.count("WEB_QUEUE", default=128, minimum=8, maximum=10_000)

# Seconds until the body of a request must be complete. Deadlines count from then on.
BODY_DEADLINE = read.seconds("BODY_DEADLINE", default=10.0, maximum=300)
# The largest body of a request to the admin, in megabytes
STAFF_BODY_MB = read.count("STAFF_BODY_MB", default=20, maximum=1_000)
# Seconds that a search may wait for a thread
SEARCH_WAIT = read.seconds("SEARCH_WAIT", default=10.0, maximum=300)
