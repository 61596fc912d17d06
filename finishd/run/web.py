"""Start the web server: granian with the front. `python -m finishd.run.web --host 127.0.0.1 --port 8000`."""

import argparse
import importlib.util
import json
import os
import resource
import sys
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

STOP_SECONDS: Final = 20  # for requests that run or wait when the server stops
OTHER_FILES: Final = 500  # besides the clients' connections: to SQL and Redis, logs, metrics
# The format of granian's own log lines. core.middleware.observability logs the requests.
_LOG: Final = Path(__file__).with_name("granian.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")
    try:
        raise_file_limit(settings.WEB_CONNECTIONS + OTHER_FILES)
    except ImproperlyConfigured as error:
        sys.exit(f"finishd: {error}")
    serve(options.host, options.port)


def serve(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. A process that dies is started again."""
    Server(
        "finishd.asgi:application",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=settings.WEB_PROCESSES,
        # granian counts connections, not requests. The front bounds the requests.
        backpressure=settings.WEB_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=settings.WEB_IDLE_SECONDS * 1000),
        respawn_failed_workers=True,
        respawn_interval=1,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig=json.loads(_LOG.read_text()),
        # The production image has this package, so that ps and top name the processes.
        process_name="finishd" if importlib.util.find_spec("setproctitle") else None,
    ).serve()


def raise_file_limit(needed: int) -> None:
    """Allow this process and its children to open so many files. Raises ImproperlyConfigured if that is forbidden."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ImproperlyConfigured(
            f"WEB_CONNECTIONS is {settings.WEB_CONNECTIONS}, which needs {needed} open files; the limit of this "
            f"process is {hard} (ulimit -Hn)."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


if __name__ == "__main__":
    main()
