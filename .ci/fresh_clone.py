"""What a stranger does: clone, `make run`, paste the printed curl line, look at the next page, Ctrl-C.

Standard library only; exits with 1 and one line when any of it fails.
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
MARK = "FINISHD_CI_MARK"


def main() -> None:
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="finishd-clone-") as folder:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), folder], check=True)
        started = time.monotonic()
        run = start(Path(folder), mark)
        try:
            curl = wait_for_curl_line(run)
            print(f"clone: up after {time.monotonic() - started:.0f} s", flush=True)
            check_two_pages(curl)
            stop(run)
        finally:
            left = processes_of(mark)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
    if left:
        sys.exit(f"clone: {len(left)} processes were left running")
    print("clone: two pages, no repeat, nothing left running")


def start(folder: Path, mark: str) -> "subprocess.Popen[str]":
    """`make run` in a session of its own, as in a terminal of its own; nothing of this one's settings."""
    ours = (
        "DATABASE_URL",
        "REDIS_URL",
        "CACHE_URL",
        "CELERY_BROKER_URL",
        "FINISHD_DATA",
        "SECRET_KEY",
        "DEBUG",
    )
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.Popen(
        ["make", "run", f"PORT={free_port()}"],
        cwd=folder,
        env={**environment, MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_curl_line(run: "subprocess.Popen[str]") -> str:
    """Pass the output on until the curl line comes; the rest is passed on by a thread."""
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
    sys.exit(f"clone: `make run` ended with {run.wait()} before it printed a curl line")


def check_two_pages(curl: str) -> None:
    """The first page by the line as it is, the second by its cursor."""
    said = subprocess.run(
        ["sh", "-c", f"{curl} --silent --show-error --fail"], capture_output=True, text=True
    )
    if said.returncode:
        sys.exit(f"clone: the curl line failed: {said.stderr.strip()}")
    first = json.loads(said.stdout)
    parts = re.search(r"-H '(Authorization): (.*?)' '(.*?)'", curl)
    assert parts, curl
    request = urllib.request.Request(
        f"{parts[3]}&cursor={first['meta']['cursor']}", headers={parts[1]: parts[2]}
    )
    with urllib.request.urlopen(request, timeout=15) as answer:
        second = json.load(answer)
    ids = [item["id"] for page in (first, second) for item in page["feed"]]
    print("clone: " + ", ".join(item["title"] for item in first["feed"]))
    complain_unless(len(ids) == 20, f"two pages have {len(ids)} items instead of 20")
    complain_unless(len(set(ids)) == len(ids), "an item is repeated")
    complain_unless(all(item["title"] for item in first["feed"]), "an item has no title")


def complain_unless(good: Any, complaint: str) -> None:
    if not good:
        sys.exit(f"clone: {complaint}")


def stop(run: "subprocess.Popen[str]") -> None:
    """Ctrl-C: the terminal signals the whole foreground group, make and what it runs."""
    os.killpg(run.pid, signal.SIGINT)
    try:
        run.wait(timeout=DOWN_SECONDS)
    except subprocess.TimeoutExpired:
        sys.exit(f"clone: still running {DOWN_SECONDS} s after Ctrl-C")


def processes_of(mark: str) -> list[int]:
    """What our `make run` started, directly or not, and still runs (Linux; elsewhere nothing is found)."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
