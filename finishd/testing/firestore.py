"""Pytest plugin for Google's Firestore emulator: one emulator per run, and one database per test process.

xdist's controller starts the emulator; without xdist, the first test that needs it does. Without Java or the
emulator's jar, such tests are skipped, or fail with FINISHD_REQUIRE_SERVICES=1. No test uses a server that the
developer's environment names.
"""

import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from finishd.run.guard import Guard
from finishd.run.ports import free_port
from finishd.testing.services import service_missing

START_SECONDS: Final = 60.0
_HOST_VARIABLE: Final = "FIRESTORE_EMULATOR_HOST"
# The controller passes its workers the emulator's address, or the reason why there is no emulator.
_SHARED_HOST: Final = "FINISHD_TEST_FIRESTORE"
_MAIN_CLASS: Final = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
# These options need half the memory and a third of the start time of the defaults. The runs are short.
_JVM_OPTIONS: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx768m", "-Duser.language=en")
_emulator_key = pytest.StashKey["Emulator"]()

os.environ[_HOST_VARIABLE] = "127.0.0.1:1"


class NoFirestore(Exception):
    """The emulator cannot run on this machine. The message says why."""


class Emulator:
    """A running emulator. It stores everything in memory."""

    def __init__(self) -> None:
        """Start the emulator without waiting for it. Raises NoFirestore."""
        java, jar = shutil.which("java"), find_jar()
        if java is None:
            raise NoFirestore("Java is not installed; the Firestore emulator needs 17 or newer")
        self._directory = tempfile.TemporaryDirectory(prefix="finishd-firestore-")
        self._guard = Guard()
        self.host = f"127.0.0.1:{free_port()}"
        address, port = self.host.split(":")
        log = Path(self._directory.name, "log")
        with log.open("wb") as output:
            self._server = subprocess.Popen(
                [java, *_JVM_OPTIONS, "-cp", jar, _MAIN_CLASS, "--host", address, "--port", port],
                stdout=output,
                stderr=output,
                cwd=self._directory.name,
                start_new_session=True,
            )
        self._guard.add(self._server.pid)

    def stop(self) -> None:
        self._server.kill()
        self._server.wait()
        self._guard.remove(self._server.pid)
        self._guard.close()
        self._directory.cleanup()


@dataclass(frozen=True)
class Database:
    """The database of this process in the emulator."""

    host: str
    project: str
    name: str

    @property
    def documents(self) -> str:
        """The path of the documents on the host."""
        return f"projects/{self.project}/databases/{self.name}/documents"

    def empty(self) -> None:
        """Delete every document."""
        self._send("DELETE", f"/emulator/v1/{self.documents}")

    def load_rules(self, rules: str) -> None:
        """Apply security rules to clients. Servers use the token `owner`, which rules do not restrict."""
        body = {"rules": {"files": [{"name": "firestore.rules", "content": rules}]}}
        self._send("PUT", f"/emulator/v1/projects/{self.project}:securityRules", orjson.dumps(body))

    def _send(self, method: str, path: str, body: bytes | None = None) -> None:
        request = urllib.request.Request(f"http://{self.host}{path}", data=body, method=method)
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request, timeout=START_SECONDS).close()


def find_jar() -> Path:
    """Return the emulator's jar, from Google Cloud's SDK or from Firebase's tools. Raises NoFirestore."""
    gcloud = shutil.which("gcloud")
    sdks = [Path(gcloud).resolve().parent.parent] if gcloud else []
    sdks += [Path("/usr/lib/google-cloud-sdk"), Path.home() / "google-cloud-sdk"]
    candidates = [sdk / "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar" for sdk in sdks]
    candidates += sorted(
        (Path.home() / ".cache/firebase/emulators").glob("cloud-firestore-emulator-v*.jar"), reverse=True
    )
    for jar in candidates:
        if jar.is_file():
            return jar
    raise NoFirestore(
        "the Firestore emulator is not installed (gcloud components install cloud-firestore-emulator)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the emulator in the controller, while the workers are importing."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    os.environ.pop(_SHARED_HOST, None)
    if getattr(config.option, "numprocesses", None):
        try:
            os.environ[_SHARED_HOST] = _start_emulator(config).host
        except NoFirestore as missing:
            os.environ[_SHARED_HOST] = str(missing)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the Firestore tests of modules with `slow_on_firestore` as slow.

    The contract tests of the store do not have that mark, so they always run on both stores.
    """
    for item in items:
        if item.get_closest_marker("slow_on_firestore") and "[firestore" in item.nodeid:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def firestore_host(request: pytest.FixtureRequest) -> str:
    """Return the address of the running emulator, as in FIRESTORE_EMULATOR_HOST."""
    try:
        host = os.environ.get(_SHARED_HOST) or _start_emulator(request.config).host
        if not host.startswith("127.0.0.1:"):
            raise NoFirestore(host)
        _wait_until_ready(host)
    except NoFirestore as missing:
        service_missing(str(missing))
    return host


@pytest.fixture
def firestore(firestore_host: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Return an empty database for this process and its children."""
    name = f"tests-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    database = Database(firestore_host, settings.FIREBASE_PROJECT_ID, name)
    monkeypatch.setenv(_HOST_VARIABLE, firestore_host)
    monkeypatch.setenv("FIRESTORE_DATABASE", name)
    settings.FIRESTORE_DATABASE = name
    # Long limits in seconds, because the tests use all cores of the machine.
    settings.FIRESTORE_TIMEOUT, settings.FIRESTORE_DEADLINE = 15.0, 60.0
    database.empty()
    return database


def _start_emulator(config: pytest.Config) -> Emulator:
    emulator = config.stash.get(_emulator_key, None)
    if emulator is None:
        emulator = config.stash[_emulator_key] = Emulator()
        config.add_cleanup(emulator.stop)
    return emulator


def _wait_until_ready(host: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://{host}/", timeout=5).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise NoFirestore(f"the Firestore emulator did not start: {error}") from error
            time.sleep(0.1)
        else:
            return
