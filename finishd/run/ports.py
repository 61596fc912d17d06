"""TCP ports of this machine: which are free, and who answers on them."""

import errno
import random
import socket
from contextlib import closing

# Below what Linux (from 32768) and macOS (from 49152) give to outgoing connections: a server that is stopped
# for a moment finds its port free again.
_SERVERS = range(20_000, 32_000)
_TRIES = 200


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment; another process may take it before the caller does.

    Raises OSError if none is found.
    """
    for _ in range(_TRIES):
        port = random.choice(_SERVERS)  # noqa: S311
        if is_free(host, port):
            return port
    raise OSError(errno.EADDRINUSE, f"no free port between {_SERVERS.start} and {_SERVERS.stop}")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises OSError when `host` is no address of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        # As servers do: a port in TIME_WAIT after a restart counts as free.
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
