"""Load by wrk: prepared requests, sent in turn over kept connections."""

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

from bench.errors import RunFailed
from bench.processes import CpuUsage
from bench.statistics import median
from bench.web import WebServer

# One thread is enough: with prepared requests it sends several times what a Python server can answer.
_SCRIPT: Final = """
local requests, index = {{}}, 0
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
  index = index % #requests + 1
  return requests[index]
end
"""
_DELAY: Final = "delay = function() return {milliseconds} end\n"  # before each request of a connection
_MILLISECONDS: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Request:
    """A POST if there is a body, else a GET. `body` is JSON in one line."""

    path: str
    token: str = ""
    body: str = ""

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    def line(self) -> str:
        """Return the request as a line for the script of wrk."""
        return "\t".join((self.method, self.path, self.token, self.body))


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests per second, latencies in milliseconds, and the processor time that was used.

    `throughput` counts the responses with a status of 2xx, and `rejected` the others. Latencies are of all responses.
    """

    throughput: float
    p50: float
    p99: float
    limited_by: str = ""
    rejected: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that are sent in turn. `monitored` has the process trees to report in addition to the server's.

    With `delay`, each connection waits for so many seconds before each request, and the server may reject requests.
    """

    web: WebServer
    requests: Sequence[Request]
    seconds: int
    connections: int
    monitored: Mapping[str, int | None] | None = None
    delay: float = 0.0


def run_load(load: Load) -> Figures:
    """Send the requests. Raise `RunFailed` for connection errors and, without a delay, for a status other than 2xx."""
    _check_response(load.web, load.requests[0])
    with tempfile.TemporaryDirectory(prefix="finishd-wrk-") as folder:
        lines, script = Path(folder) / "requests", Path(folder) / "load.lua"
        lines.write_text("".join(f"{request.line()}\n" for request in load.requests))
        delay = _DELAY.format(milliseconds=round(load.delay * 1000)) if load.delay else ""
        script.write_text(_SCRIPT.format(path=str(lines)) + delay)
        command = [find_wrk(), "--latency", "-t1", f"-c{load.connections}", f"-d{load.seconds}s"]
        command += ["--timeout", "10s", "-s", str(script), load.web.address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as wrk:
            trees = {"server": load.web.process.pid, **(load.monitored or {}), "wrk": wrk.pid}
            with CpuUsage(trees) as usage:
                # Stop measuring before wrk ends, because afterwards its processor time cannot be read.
                output = _communicate(wrk, load.seconds - 0.2)
            output = output or _communicate(wrk, 30.0)
            if not output:
                wrk.kill()
                raise RunFailed("wrk: timeout")
    figures = parse_output(output, allows_rejections=bool(load.delay))
    return replace(figures, limited_by=usage.describe())


def run_alternately(
    loads: Mapping[str, Load], *, rounds: int, before: Callable[[], object] | None = None
) -> dict[str, Figures]:
    """Run the loads in turn (A B A B) and return the medians of all rounds. Call `before` before each load."""
    found: dict[str, list[Figures]] = {name: [] for name in loads}
    for _ in range(rounds):
        for name, load in loads.items():
            if before is not None:
                before()
            found[name].append(run_load(load))
    return {name: _get_median(figures) for name, figures in found.items()}


def parse_output(output: str, *, allows_rejections: bool = False) -> Figures:
    """Parse what wrk printed. Raise `RunFailed` for errors, no responses, or rejections that are not allowed."""
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    errors = re.search(r"Socket errors: (.+)", output) or (None if allows_rejections else failed)
    if errors:
        raise RunFailed(f"wrk reports errors: {errors[0]}")
    throughput = re.search(r"Requests/sec:\s+([\d.]+)", output)
    total = re.search(r"(\d+) requests in ", output)
    if throughput is None or total is None or float(throughput[1]) == 0:
        raise RunFailed(f"wrk reports no responses: {output.strip()[-300:]}")
    rejected = float(throughput[1]) * int(failed[1]) / int(total[1]) if failed else 0.0
    p50, p99 = _parse_percentile(output, 50), _parse_percentile(output, 99)
    return Figures(float(throughput[1]) - rejected, p50, p99, rejected=rejected)


def find_wrk() -> str:
    """Return the path of wrk. If it is not on PATH, raise `RunFailed` with the command that installs it."""
    path = shutil.which("wrk")
    if path is None:
        raise RunFailed("wrk is not on PATH (Debian: apt-get install wrk; macOS: brew install wrk).")
    return path


def fetch(web: WebServer, request: Request) -> bytes:
    """Send one request and return the body of the response. Raise `RunFailed` unless the status is 2xx."""
    sent = urllib.request.Request(
        web.address + request.path, data=request.body.encode() or None, method=request.method
    )
    if request.token:
        sent.add_header("Authorization", f"Bearer {request.token}")
    if request.body:
        sent.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(sent, timeout=30) as response:
            body: bytes = response.read()
    except urllib.error.HTTPError as error:
        raise RunFailed(f"{request.path}: status {error.code}: {error.read()[:300]!r}") from error
    except OSError as error:
        raise RunFailed(f"{request.path}: no response: {error}") from error
    return body


def _check_response(web: WebServer, request: Request) -> None:
    """Raise `RunFailed` if the response is empty. wrk itself accepts redirects."""
    if not fetch(web, request):
        raise RunFailed(f"{request.path}: empty response")


def _communicate(wrk: "subprocess.Popen[str]", seconds: float) -> str:
    """Return the output of wrk, or an empty string if it is still running after `seconds`."""
    try:
        return wrk.communicate(timeout=max(seconds, 0.1))[0]
    except subprocess.TimeoutExpired:
        return ""


def _parse_percentile(output: str, number: int) -> float:
    found = re.search(rf"^\s+{number}%\s+([\d.]+)(us|ms|s|m)\s*$", output, re.MULTILINE)
    if found is None:
        raise RunFailed(f"wrk reports no {number}th percentile")
    return float(found[1]) * _MILLISECONDS[found[2]]


def _get_median(figures: Sequence[Figures]) -> Figures:
    return Figures(
        median([each.throughput for each in figures]),
        median([each.p50 for each in figures]),
        median([each.p99 for each in figures]),
        figures[-1].limited_by,
        median([each.rejected for each in figures]),
    )
