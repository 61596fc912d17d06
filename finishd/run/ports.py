"""Find free TCP ports on this machine."""

import errno
import random
import socket
from contextlib import closing

# Below the ports that Linux (from 32768) and macOS (from 49152) use for outgoing connections, so a server that is
# restarted finds its port free.
_SERVERS = range(20_000, 32_000)
_TRIES = 200


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that no process listens on now. Another process may take it first.

    Raises OSError if no port is found.
    """
    for _ in range(_TRIES):
        port = random.choice(_SERVERS)  # noqa: S311
        if is_free(host, port):
            return port
    raise OSError(errno.EADDRINUSE, f"no free port between {_SERVERS.start} and {_SERVERS.stop}")


def is_free(host: str, port: int) -> bool:
    """Return whether a server can listen on the port. Raises OSError if `host` is not an address of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        # Servers set this option, so a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return False
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
