"""A PostgreSQL cluster of the tests' own: made, used and thrown away."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

from finishd.run.guard import Guard
from finishd.run.ports import free_port

OLDEST = 15
START_SECONDS = 30.0
PACKAGED = Path("/usr/lib/postgresql")  # where Debian and its kin keep the servers, off PATH


class NoPostgres(Exception):  # noqa: N818  (a reason to skip, not a fault)
    """PostgreSQL cannot run here; the message says why."""


def start(*, directory: Path, guard: Guard) -> str:
    """Make a cluster in the empty `directory` and start it; returns its DATABASE_URL.

    Nothing of it is synced to disk. It ends with the guard. Raises NoPostgres.
    """
    binaries = find_binaries()
    data = directory / "data"
    rights = _rights(directory)
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "finishd", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        **rights,
    )
    if made.returncode:
        raise NoPostgres(f"initdb failed: {made.stderr.strip().splitlines()[-1:]}")
    port = free_port()
    log = (directory / "log").open("wb")
    with log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, *_options(port)],
            stdout=log,
            stderr=log,
            cwd=directory,
            start_new_session=True,
            **rights,
        )
    guard.add(server.pid)
    url = f"postgres://finishd@127.0.0.1:{port}/finishd"
    _wait(url.replace("postgres:", "postgresql:").replace("/finishd", "/postgres"), server, directory / "log")
    return url


def find_binaries() -> Path:
    """The folder with `initdb` and `postgres` of a version that Finishd supports. Raises NoPostgres."""
    on_path = shutil.which("postgres")
    packaged = sorted(PACKAGED.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    for folder in [Path(on_path).resolve().parent] * bool(on_path) + packaged:
        if (folder / "initdb").exists() and _major(folder / "postgres") >= OLDEST:
            return folder
    raise NoPostgres(f"PostgreSQL {OLDEST} or newer is not installed (looked on PATH and in {PACKAGED})")


def _options(port: int) -> list[str]:
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "dynamic_shared_memory_type": "mmap",  # in the data folder, so that a kill leaves nothing in /dev/shm
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
    }
    return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


def _rights(directory: Path) -> dict[str, Any]:
    """Popen's arguments that drop root's rights: PostgreSQL refuses to run with them."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            person = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(directory, person.pw_uid, person.pw_gid)
        return {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
    raise NoPostgres("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`")


def _wait(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise NoPostgres(f"PostgreSQL did not start: {last}") from error
            time.sleep(0.05)
        else:
            return


def _major(binary: Path) -> int:
    """Major version of a `postgres` binary; 0 when it does not say."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    words = said.replace(".", " ").split()
    return next((int(word) for word in words if word.isdigit()), 0)
