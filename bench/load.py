"""Load by wrk: requests written beforehand, sent in turn over kept connections."""

import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.probe import Busy
from bench.rows import Failed, middle
from bench.servers import Web

# One thread: with all requests made beforehand it sends several times what a Python server can answer.
_SCRIPT: Final = """
local requests, place = {{}}, 0
init = function()
  for line in io.lines({path!r}) do
    local method, path, token, body = line:match("^(.-)\\t(.-)\\t(.-)\\t(.*)$")
    local headers = {{}}
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    if body ~= "" then headers["Content-Type"] = "application/json" end
    requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
  end
end
request = function()
  place = place % #requests + 1
  return requests[place]
end
"""
_UNITS: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    token: str = ""
    body: str = ""  # JSON in one line; a request with one is a POST

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    def line(self) -> str:
        return "\t".join((self.method, self.path, self.token, self.body))


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests per second; latencies in milliseconds; who used the processors meanwhile."""

    throughput: float
    p50: float
    p99: float
    limits: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """These requests in turn, over so many connections, for so long."""

    web: Web
    requests: Sequence[Request]
    seconds: int
    connections: int
    watched: Mapping[str, int | None] | None = None  # process trees beside the server's, by name


def run(load: Load) -> Figures:
    """Raises Failed for any answer but 2xx and for any error of a connection."""
    _try_one(load.web, load.requests[0])
    with tempfile.TemporaryDirectory(prefix="finishd-wrk-") as folder:
        lines, script = Path(folder) / "requests", Path(folder) / "load.lua"
        lines.write_text("".join(f"{request.line()}\n" for request in load.requests))
        script.write_text(_SCRIPT.format(path=str(lines)))
        command = [find_wrk(), "--latency", "-t1", f"-c{load.connections}", f"-d{load.seconds}s"]
        command += ["--timeout", "10s", "-s", str(script), load.web.address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as wrk:
            trees = {"server": load.web.process.pid, **(load.watched or {}), "wrk": wrk.pid}
            with Busy(trees) as busy:
                # Its time is up before wrk ends, while its processor seconds can still be read.
                said = _talk(wrk, load.seconds - 0.2, finish=False)
            said = said or _talk(wrk, 30.0, finish=True)
    return replace(parse(said), limits=busy.says())


def pairs(
    sides: Mapping[str, Load], *, rounds: int, before: Callable[[], object] | None = None
) -> dict[str, Figures]:
    """Each side in turn (A B A B), medians over the rounds. `before` is called before each load."""
    found: dict[str, list[Figures]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, load in sides.items():
            if before is not None:
                before()
            found[name].append(run(load))
    return {name: _median(figures) for name, figures in found.items()}


def parse(said: str) -> Figures:
    """What wrk printed. Raises Failed for answers other than 2xx and 3xx, and for socket errors."""
    errors = re.search(r"Socket errors: (.+)", said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if errors or refused:
        complaint = (errors or refused or [""])[0]
        raise Failed(f"wrk met errors: {complaint}")
    throughput = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if throughput is None or float(throughput[1]) == 0:
        raise Failed(f"wrk had no answers: {said.strip()[-300:]}")
    return Figures(float(throughput[1]), _percentile(said, 50), _percentile(said, 99))


def find_wrk() -> str:
    """Raises Failed with what to install."""
    path = shutil.which("wrk")
    if path is None:
        raise Failed("The bench needs wrk on PATH (Debian: apt-get install wrk; macOS: brew install wrk).")
    return path


def fetch(web: Web, request: Request) -> bytes:
    """One answer's body. Raises Failed unless it is a 2xx."""
    sent = urllib.request.Request(
        web.address + request.path, data=request.body.encode() or None, method=request.method
    )
    if request.token:
        sent.add_header("Authorization", f"Bearer {request.token}")
    if request.body:
        sent.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:
            body: bytes = answer.read()
    except urllib.error.HTTPError as error:
        raise Failed(f"{request.path} answered {error.code}: {error.read()[:300]!r}") from error
    except OSError as error:
        raise Failed(f"{request.path} was not answered: {error}") from error
    return body


def _try_one(web: Web, request: Request) -> None:
    """A redirect would pass for an answer."""
    if not fetch(web, request):
        raise Failed(f"{request.path} answered nothing")


def _talk(wrk: "subprocess.Popen[str]", seconds: float, *, finish: bool) -> str:
    try:
        said, _ = wrk.communicate(timeout=max(seconds, 0.1))
    except subprocess.TimeoutExpired:
        if finish:
            wrk.kill()
            raise Failed("wrk did not end in time") from None
        return ""
    return said


def _percentile(said: str, which: int) -> float:
    found = re.search(rf"^\s+{which}%\s+([\d.]+)(us|ms|s|m)\s*$", said, re.MULTILINE)
    if found is None:
        raise Failed(f"wrk did not tell its {which}th percentile")
    return float(found[1]) * _UNITS[found[2]]


def _median(figures: Sequence[Figures]) -> Figures:
    return Figures(
        middle([each.throughput for each in figures]),
        middle([each.p50 for each in figures]),
        middle([each.p99 for each in figures]),
        figures[-1].limits,
    )
