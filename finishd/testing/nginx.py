"""nginx with the configuration that is shipped, as a process of the tests."""

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings

from finishd.run.guard import Guard
from finishd.run.ports import free_port
from finishd.testing.sockets import RawClient
from finishd.testing.tls import make_certificates

CONFIGURATION: Final = Path(settings.BASE_DIR) / "deploy" / "nginx.conf"
START_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Nginx:
    """The addresses of a running nginx, and the context of clients that trust its certificate."""

    http: str
    https: str
    context: ssl.SSLContext


def find_nginx() -> str | None:
    """Return the path of nginx. Debian installs it outside of a user's PATH."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def running_nginx(program: str, directory: Path, *, web_port: int, **replaced: str) -> Iterator[Nginx]:
    """Start nginx in front of the web server at `web_port`.

    The configuration is the shipped one, except for addresses and directories. `replaced` gives directives other
    values, for example shorter times.
    """
    ca, chain = make_certificates(directory, "127.0.0.1")
    http, https = free_port(), free_port()
    text = _configure(directory, chain, web_port=web_port, http=http, https=https)
    for directive, value in replaced.items():
        assert f" {directive} " in text, directive
        lines = [
            f"{directive} {value};" if line.split()[:1] == [directive] else line for line in text.splitlines()
        ]
        text = "\n".join(lines)
    (directory / "nginx.conf").write_text(text)
    context = ssl.create_default_context(cafile=ca)
    with _process(program, directory):
        _wait_until_up(http, directory / "log")
        yield Nginx(f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}", context)


def _configure(directory: Path, chain: Path, *, web_port: int, http: int, https: int) -> str:
    text = CONFIGURATION.read_text()
    for shipped, used in (
        ("/run/finishd/", f"{directory}/"),
        ("server web:8000", f"server 127.0.0.1:{web_port}"),
        ("listen 8080", f"listen 127.0.0.1:{http}"),
        ("listen 8443", f"listen 127.0.0.1:{https}"),
        ("/etc/finishd/tls/fullchain.pem", str(chain)),
        ("/etc/finishd/tls/privkey.pem", str(chain)),
    ):
        assert shipped in text, shipped
        text = text.replace(shipped, used)
    return text


@contextmanager
def _process(program: str, directory: Path) -> Iterator[None]:
    # As root, the workers would switch to a user who may not read the test's directory.
    user = "user root; " if os.geteuid() == 0 else ""
    guard = Guard()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-p", directory, "-c", directory / "nginx.conf", "-g", f"{user}daemon off;"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    guard.add(process.pid)
    try:
        yield
    finally:
        process.terminate()
        process.wait()
        guard.close()


def _wait_until_up(port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            RawClient(f"http://127.0.0.1:{port}").close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
