"""The configuration of a run, from the environment and `.env`. It is checked before any program starts."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

import environ

from finishd.run.errors import StartupError
from finishd.run.ports import is_free

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = (ROOT / ".data").resolve()  # unless FINISHD_DATA names another folder
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MEBIBYTE = 1 << 20
MIN_FREE = 16 * MEBIBYTE  # a first start needs 5
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (no socket is bound to it)


@dataclass(frozen=True, slots=True)
class Config:
    """The address of the web server, the data directory, and the environment of the run."""

    host: str
    port: int
    data: Path
    environment: Mapping[str, str]

    @property
    def run_env(self) -> Path:
        return self.data / "run.env"

    @property
    def bind(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def address(self) -> str:
        """The base URL for a browser on this machine."""
        return f"http://{_bracketed(ANY_ADDRESS.get(self.host, self.host))}:{self.port}"


def load_config(environment: MutableMapping[str, str]) -> Config:
    """Return the configuration. `.env` adds the variables that `environment` lacks. Raises StartupError."""
    _read_dot_env(environment)
    host = environment.get("HOST") or "127.0.0.1"
    port = _port(environment.get("PORT") or "8000")
    data = (ROOT / (environment.get("FINISHD_DATA") or DATA)).resolve()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"FINISHD_DATA, {data}, cannot be created: {error.strerror}.") from error
    if not os.access(data, os.W_OK):
        raise StartupError(f"FINISHD_DATA, {data}, cannot be written to.")
    free = shutil.disk_usage(data).free
    if free < MIN_FREE:
        raise StartupError(
            f"The disk of FINISHD_DATA, {data}, is full: {free // MEBIBYTE} MiB are free, and a run needs "
            f"{MIN_FREE // MEBIBYTE}. Free some space, or use another directory: make run FINISHD_DATA=…"
        )
    return Config(host=host, port=port, data=data, environment=environment)


def check_port(config: Config) -> None:
    """Raise StartupError if the web server cannot listen on its address."""
    try:
        free = is_free(config.host, config.port)
    except OSError as error:
        raise StartupError(
            f"HOST={config.host} is not an address of this machine ({error.strerror})."
        ) from error
    if not free:
        raise StartupError(
            f"Port {config.port} on {config.host} is in use. Stop the program that uses it, or choose another port, "
            f"and another directory if it is Finishd: make run PORT={config.port + 1} FINISHD_DATA=.data2"
        )


def settings_for(config: Config, *, embedded_redis: str | None) -> dict[str, str]:
    """Return the variables that Django's settings need for this run.

    `embedded_redis` is the URL of the embedded server, or None if the environment names a server.
    """
    redis_url = embedded_redis or config.environment["REDIS_URL"]
    defaults = {
        "DEBUG": "true",
        "SECRET_KEY": read_run_env(config.run_env).get("SECRET_KEY") or secrets.token_urlsafe(48),
        "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]" if config.host in LOOPBACK else "*",
        "DATABASE_URL": f"sqlite:///{config.data / 'db.sqlite3'}",
        "CACHE_URL": redis_url,
        "CELERY_BROKER_URL": redis_url,
        "FIREBASE_PROJECT_ID": "finishd-dev",
        "FIREBASE_KEYS_FILE": str(config.data / "dev-keys" / "jwks.json"),
    }
    chosen = {name: config.environment.get(name) or value for name, value in defaults.items()}
    return {
        **chosen,
        "FINISHD_DATA": str(config.data),
        "REDIS_URL": redis_url,
        "FINISHD_EMBEDDED_REDIS": "true" if embedded_redis else "false",
    }


def write_run_env(path: Path, settings: Mapping[str, str]) -> None:
    """Write the settings for `manage.py` in another terminal, atomically and with mode 0600."""
    lines = ["# `make run` writes this file at each start. Put your own settings into .env."]
    lines += [f"{name}={value}" for name, value in settings.items() if name != "FINISHD_DATA"]
    write_private(path, "\n".join(lines) + "\n")


def read_run_env(path: Path) -> dict[str, str]:
    """Return the variables that `write_run_env` wrote, or an empty dictionary if there is no file."""
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name: value for name, separator, value in pairs if separator}


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically. Only its owner may read it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(name).replace(path)


def _read_dot_env(environment: MutableMapping[str, str]) -> None:
    class Reader(environ.Env):  # type: ignore[misc]  # untyped
        ENVIRON = environment

    Reader.read_env(ROOT / ".env")


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise StartupError(f"PORT={text} is not a port. Use a number from 1 to 65535.")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
