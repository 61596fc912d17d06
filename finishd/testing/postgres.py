"""A temporary PostgreSQL cluster for tests."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

from finishd.run.guard import Guard
from finishd.run.ports import free_port

MIN_VERSION = 15
START_SECONDS = 30.0
PACKAGED = Path("/usr/lib/postgresql")  # Debian and its derivatives install the servers here, outside PATH


class NoPostgres(Exception):
    """PostgreSQL cannot run on this machine. The message says why."""


class Cluster:
    """A running cluster in its own directory. Nothing is synced to disk."""

    def __init__(self, *, directory: Path, guard: Guard) -> None:
        """Create the cluster in the empty `directory` and start it: 1 to 2 s. Raises NoPostgres."""
        self._guard = guard
        self._directory = directory
        self._log = directory / "log"
        self._binaries, self._popen_user = find_binaries(), _get_popen_user(directory)
        _create_cluster(self._binaries / "initdb", directory / "data", self._popen_user)
        self._port = free_port()
        self.start()

    def start(self) -> None:
        """Start or restart the server on its port, and wait until it responds. Raises NoPostgres."""
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._directory / "data", *_options(self._port)],
                stdout=log,
                stderr=log,
                cwd=self._directory,
                start_new_session=True,
                **self._popen_user,
            )
        self._guard.add(self._server.pid)
        self._wait_until_ready()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The value for DATABASE_URL. Django creates the database."""
        return f"postgres://finishd@{self.host}/finishd"

    @property
    def pid(self) -> int:
        """The process id of the server, which is the parent of its connections' processes."""
        return self._server.pid

    def stop(self) -> None:
        """Stop the server without waiting for its clients."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait()
        self._guard.remove(self._server.pid)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(
                    host="127.0.0.1", port=self._port, user="finishd", dbname="postgres", connect_timeout=2
                ).close()
            except psycopg.OperationalError as error:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    last_line = self._log.read_text(errors="replace").strip().splitlines()[-1:]
                    raise NoPostgres(f"PostgreSQL did not start: {last_line}") from error
                time.sleep(0.05)
            else:
                return


def find_binaries() -> Path:
    """Return the directory with `initdb` and `postgres` of a supported version. Raises NoPostgres."""
    on_path = shutil.which("postgres")
    packaged = sorted(PACKAGED.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    for folder in ([Path(on_path).resolve().parent] if on_path else []) + packaged:
        if (folder / "initdb").exists() and _get_major_version(folder / "postgres") >= MIN_VERSION:
            return folder
    raise NoPostgres(f"PostgreSQL {MIN_VERSION} or newer is not installed (looked on PATH and in {PACKAGED})")


def _create_cluster(initdb: Path, data: Path, popen_user: dict[str, Any]) -> None:
    result = subprocess.run(
        [initdb, "-D", data, "-U", "finishd", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        capture_output=True,
        text=True,
        check=False,
        cwd=data.parent,
        **popen_user,
    )
    if result.returncode:
        raise NoPostgres(f"initdb failed: {result.stderr.strip().splitlines()[-1:]}")


def _options(port: int) -> list[str]:
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "dynamic_shared_memory_type": "mmap",  # in the data directory, not in /dev/shm
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
    }
    return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


def _get_popen_user(directory: Path) -> dict[str, Any]:
    """Return the arguments of Popen that set another user, because PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(directory, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise NoPostgres("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`")


def _get_major_version(binary: Path) -> int:
    """Return the major version of a `postgres` binary, or 0 if it is unknown."""
    try:
        output = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=5, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    words = output.replace(".", " ").split()
    return next((int(word) for word in words if word.isdigit()), 0)
