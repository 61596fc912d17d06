"""What this run was asked for: the environment and `.env`, checked before anything is started."""

import os
import secrets
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
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (named, not bound)


@dataclass(frozen=True, slots=True)
class Config:
    """Where to listen, where to keep things, and what else the environment says."""

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
        """The base URL that a browser on this machine can open."""
        return f"http://{_bracketed(ANY_ADDRESS.get(self.host, self.host))}:{self.port}"


def load_config(environment: MutableMapping[str, str]) -> Config:
    """The run's configuration; `.env` fills in what `environment` lacks. Raises Refusal."""
    _read_dot_env(environment)
    host = environment.get("HOST") or "127.0.0.1"
    port = _port(environment.get("PORT") or "8000")
    data = (ROOT / (environment.get("FINISHD_DATA") or DATA)).resolve()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"FINISHD_DATA, {data}, cannot be made: {error.strerror}.") from error
    if not os.access(data, os.W_OK):
        raise StartupError(f"FINISHD_DATA, {data}, cannot be written to.")
    return Config(host=host, port=port, data=data, environment=environment)


def check_port(config: Config) -> None:
    """Raises Refusal when the web server could not listen."""
    try:
        free = is_free(config.host, config.port)
    except OSError as error:
        raise StartupError(f"HOST={config.host} is no address of this machine ({error.strerror}).") from error
    if not free:
        raise StartupError(
            f"Port {config.port} on {config.host} is taken. Stop what uses it, or name another: "
            f"make run PORT={config.port + 1}"
        )


def settings_for(config: Config, *, embedded_redis: str | None) -> dict[str, str]:
    """Everything that Django's settings need, as this run has it.

    `embedded_redis` is the URL of our own server, None when the environment names one.
    """
    redis_url = embedded_redis or config.environment["REDIS_URL"]
    ours = {
        "DEBUG": "true",
        "SECRET_KEY": read_run_env(config.run_env).get("SECRET_KEY") or secrets.token_urlsafe(48),
        "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]" if config.host in LOOPBACK else "*",
        "DATABASE_URL": f"sqlite:///{config.data / 'db.sqlite3'}",
        "CACHE_URL": redis_url,
        "CELERY_BROKER_URL": redis_url,
        "FIREBASE_PROJECT_ID": "finishd-dev",
        "FIREBASE_KEYS_FILE": str(config.data / "dev-keys" / "jwks.json"),
    }
    chosen = {name: config.environment.get(name) or value for name, value in ours.items()}
    return {
        **chosen,
        "FINISHD_DATA": str(config.data),
        "REDIS_URL": redis_url,
        "FINISHD_EMBEDDED_REDIS": "true" if embedded_redis else "false",
    }


def write_run_env(path: Path, settings: Mapping[str, str]) -> None:
    """Leave the settings where `manage.py` in another terminal finds them: whole or not at all, mode 0600."""
    lines = ["# Written by `make run` at each start; put settings of your own into .env."]
    lines += [f"{name}={value}" for name, value in settings.items() if name != "FINISHD_DATA"]
    write_private(path, "\n".join(lines) + "\n")


def read_run_env(path: Path) -> dict[str, str]:
    """What `write_run_env` left; empty when there is nothing."""
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name: value for name, separator, value in pairs if separator}


def write_private(path: Path, text: str) -> None:
    """Replace a file at once; only its owner may read it."""
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
    raise StartupError(f"PORT={text} is not a port: a number from 1 to 65535.")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
