"""Follow the first steps of a newcomer: clone, `make run`, the printed curl command, the next page, Ctrl-C.

It uses only the standard library, and exits with 1 and one line if a step fails.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
UP_SECONDS = 300
DOWN_SECONDS = 30
MARKER = "FINISHD_CI_MARKER"


def main() -> None:
    marker = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="finishd-clone-") as folder:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), folder], check=True)
        started = time.monotonic()
        run = start(Path(folder), marker)
        try:
            curl = wait_for_curl_line(run)
            print(f"clone: up after {time.monotonic() - started:.0f} s", flush=True)
            check_two_pages(curl)
            stop(run)
        finally:
            remaining = find_processes(marker)
            for pid in remaining:
                os.kill(pid, signal.SIGKILL)
    if remaining:
        sys.exit(f"clone: {len(remaining)} processes are still running")
    print("clone: two pages without a repeated item, and no process remains")


def start(folder: Path, marker: str) -> "subprocess.Popen[str]":
    """Start `make run` in its own session, without the settings of this process."""
    settings = (
        "DATABASE_URL",
        "REDIS_URL",
        "CACHE_URL",
        "CELERY_BROKER_URL",
        "FINISHD_DATA",
        "SECRET_KEY",
        "DEBUG",
    )
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    return subprocess.Popen(
        ["make", "run", f"PORT={free_port()}"],
        cwd=folder,
        env={**environment, MARKER: marker},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_curl_line(run: "subprocess.Popen[str]") -> str:
    """Print the output until the curl command appears. A thread prints the rest."""
    timer = threading.Timer(UP_SECONDS, run.kill)
    timer.start()
    assert run.stdout is not None
    for line in run.stdout:
        print(line, end="", flush=True)
        if line.startswith("curl "):
            timer.cancel()
            threading.Thread(target=lambda: sys.stdout.writelines(run.stdout or ()), daemon=True).start()
            return line.strip()
    timer.cancel()
    sys.exit(f"clone: `make run` exited with {run.wait()} before it printed a curl command")


def check_two_pages(curl: str) -> None:
    """Check the first page, from the printed command, and the second page, from its cursor."""
    result = subprocess.run(
        ["sh", "-c", f"{curl} --silent --show-error --fail"], capture_output=True, text=True
    )
    if result.returncode:
        sys.exit(f"clone: the curl command failed: {result.stderr.strip()}")
    first = json.loads(result.stdout)
    parts = re.search(r"-H '(Authorization): (.*?)' '(.*?)'", curl)
    assert parts, curl
    request = urllib.request.Request(
        f"{parts[3]}&cursor={first['meta']['cursor']}", headers={parts[1]: parts[2]}
    )
    with urllib.request.urlopen(request, timeout=15) as response:
        second = json.load(response)
    ids = [item["id"] for page in (first, second) for item in page["feed"]]
    print("clone: " + ", ".join(item["title"] for item in first["feed"]))
    check(len(ids) == 20, f"two pages have {len(ids)} items instead of 20")
    check(len(set(ids)) == len(ids), "an item is repeated")
    check(all(item["title"] for item in first["feed"]), "an item has no title")


def check(condition: Any, message: str) -> None:
    if not condition:
        sys.exit(f"clone: {message}")


def stop(run: "subprocess.Popen[str]") -> None:
    """Press Ctrl-C: the terminal signals the whole foreground group, make and its children."""
    os.killpg(run.pid, signal.SIGINT)
    try:
        run.wait(timeout=DOWN_SECONDS)
    except subprocess.TimeoutExpired:
        sys.exit(f"clone: still running {DOWN_SECONDS} s after Ctrl-C")


def find_processes(marker: str) -> list[int]:
    """Return the ids of the running descendants of `make run`, or an empty list on systems other than Linux."""
    entry = f"{MARKER}={marker}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if entry in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
