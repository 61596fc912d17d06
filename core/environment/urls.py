"""URLs of servers: their rules, and how they appear in messages."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

REDIS_SCHEMES: Final = ("redis", "rediss")
POSTGRESQL_SCHEMES: Final = ("postgres", "postgresql")
SQLITE_IN_MEMORY: Final = "sqlite://:memory:"

_PATH: Final = None  # any text: the path of a file
# Parameters of rediss:// and their values. redis-py and kombu both know these, and ignore or misread others.
_REDIS_TLS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "ssl_ca_certs": _PATH,
    "ssl_certfile": _PATH,
    "ssl_keyfile": _PATH,
    "ssl_cert_reqs": ("required", "none"),
    "ssl_check_hostname": ("true", "false"),
}
_POSTGRESQL_TLS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslrootcert": _PATH,
    "sslcert": _PATH,
    "sslkey": _PATH,
}
_REDIS_DATABASE: Final = re.compile(r"/?\d{0,4}", re.ASCII)
_HOST_RULE: Final = "have a host, and a port from 1 to 65535 if any; in a password, / is written as %2F"
# A scheme, a user with a password, a host, a port and a path. A password that is not encoded does not match.
_SHOWABLE: Final = re.compile(
    r"((?:[a-z][a-z0-9+.-]*://)?)((?:[^\s/?#@]*@)?)((?:\[[0-9a-f:.]+\]|[\w.%-]*)(?::\d{1,5})?(?:/[\w.%/-]*)?)",
    re.ASCII | re.IGNORECASE,
)


def check_redis_url(name: str, url: str) -> None:
    """Raise ImproperlyConfigured unless the URL is valid for redis-py and for kombu.

    It has a scheme of REDIS_SCHEMES, a host, and perhaps a port and the number of a database: redis-py uses database 0
    if it cannot read the number. `rediss` may have the parameters of certificates.
    """
    parts = _split(name, url)
    if not url.startswith(tuple(f"{scheme}://" for scheme in REDIS_SCHEMES)):
        raise _refused(name, url, "begin with redis:// or rediss://")
    _check_host_and_port(name, url, parts)
    if not _REDIS_DATABASE.fullmatch(parts.path):
        raise _refused(name, url, "end with the number of a database, such as /0")
    _check_parameters(name, url, parts, _REDIS_TLS if parts.scheme == "rediss" else {})


def check_database_url(name: str, url: str) -> None:
    """Raise ImproperlyConfigured unless the URL names an SQLite file or a PostgreSQL database.

    A PostgreSQL URL may have libpq's parameters of certificates.
    """
    if url == SQLITE_IN_MEMORY:
        return
    if url.startswith("sqlite:"):
        if not url.startswith("sqlite:///") or not url.removeprefix("sqlite:///"):
            raise _refused(name, url, "name a file, such as sqlite:////srv/finishd/db.sqlite3")
        return
    parts = _split(name, url)
    if parts.scheme not in POSTGRESQL_SCHEMES:
        raise _refused(name, url, "begin with postgres://, postgresql:// or sqlite:///")
    _check_host_and_port(name, url, parts)
    if not parts.path.removeprefix("/"):
        raise _refused(name, url, "end with the name of a database, such as /finishd")
    _check_parameters(name, url, parts, _POSTGRESQL_TLS)


def redacted(url: str) -> str:
    """Return the URL without user, password and parameters; only its scheme if it cannot be taken apart for certain."""
    address, *rest = re.split(r"[?#]", url, maxsplit=1)
    found = _SHOWABLE.fullmatch(address)
    if found and not any("@" in text for text in rest):  # a password may contain ? or #
        return f"{found[1]}{'…@' if found[2] else ''}{found[3]}"
    scheme = re.match(r"[a-z][a-z0-9+.-]*://", url, re.ASCII | re.IGNORECASE)
    return f"{scheme[0] if scheme else ''}…"


def get_parameters(url: str) -> dict[str, str]:
    """Return the parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def is_local(host: str) -> bool:
    """Return whether a host is this machine: a loopback address, `localhost`, or a Unix socket."""
    host = unquote(host)
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(name: str, url: str) -> SplitResult:
    if re.search(r"[\s\x00-\x1f]", url):  # urlsplit would remove some of them
        raise _refused(name, url, "contain no space; write it as %20")
    try:
        return urlsplit(url)
    except ValueError:  # an address in brackets that is none
        raise _refused(name, url, _HOST_RULE) from None


def _check_host_and_port(name: str, url: str, parts: SplitResult) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or port == 0 or parts.netloc.endswith(":"):
        raise _refused(name, url, _HOST_RULE)


def _check_parameters(
    name: str, url: str, parts: SplitResult, allowed: Mapping[str, tuple[str, ...] | None]
) -> None:
    if parts.fragment:
        raise _refused(name, url, "contain no #; in a password, write it as %23")
    for parameter, value in parse_qsl(parts.query, keep_blank_values=True):
        if parameter not in allowed:
            others = f" but {', '.join(allowed)}" if allowed else ""
            raise _refused(name, url, f"have no parameters{others}")
        values = allowed[parameter]
        if not value or (values and value not in values):
            raise _refused(name, url, f"have {parameter}={' or '.join(values or ('a path',))}")


def _refused(name: str, url: str, rule: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} is {redacted(url)}; it must {rule}.")
