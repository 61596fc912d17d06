"""Variables of the environment have bounds, and an error is one sentence without secrets."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.environment.reader import Reader, check_below
from core.environment.urls import check_database_url, check_redis_url, is_local, redacted

Read = Callable[[Reader], Any]

COUNT: Read = lambda read: read.count("POOL", default=7, maximum=100)  # noqa: E731
SECONDS: Read = lambda read: read.seconds("WAIT", default=1.5, maximum=60)  # noqa: E731
FLAG: Read = lambda read: read.flag("ON", default=True)  # noqa: E731
CHOICE: Read = lambda read: read.choice("LEVEL", ("INFO", "ERROR"), default="INFO")  # noqa: E731
TOKEN: Read = lambda read: read.secret("TOKEN", minimum=16)  # noqa: E731
HOST: Read = lambda read: read.host("HOST", default="127.0.0.1")  # noqa: E731
NAMES: Read = lambda read: read.names("NAMES", default=["a"])  # noqa: E731


def reader(text: str) -> Reader:
    """Return a reader of an environment in which each variable has this value."""
    return Reader(lambda name, default: text)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (COUNT, "", 7),
        (COUNT, "1", 1),
        (COUNT, " 100 ", 100),
        (SECONDS, "", 1.5),
        (SECONDS, "0.001", 0.001),
        (SECONDS, "60", 60.0),
        (FLAG, "", True),
        (FLAG, "False", False),
        (FLAG, "0", False),
        (FLAG, "on", True),
        (CHOICE, "", "INFO"),
        (CHOICE, "error", "ERROR"),
        (TOKEN, "", ""),
        (TOKEN, "0123456789abcdef", "0123456789abcdef"),
        (HOST, "", "127.0.0.1"),
        (HOST, "::", "::"),
        (HOST, "worker-1.internal", "worker-1.internal"),
        (NAMES, "", ["a"]),
        (NAMES, "b, c,", ["b", "c"]),
    ],
)
def test_valid_values_are_read_and_empty_ones_have_the_default(read: Read, text: str, value: Any) -> None:
    assert read(reader(text)) == value


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        *(
            (COUNT, text, f"POOL is {text!r}; it must be a whole number from 1 to 100.")
            for text in ("0", "-1", "101", "1.5", "many", "nan", "1e2")
        ),
        *(
            (SECONDS, text, f"WAIT is {text!r}; it must be a number of seconds from 0.001 to 60.")
            for text in ("0", "-1", "60.1", "nan", "inf", "-inf", "1e400", "0.15s", "1,5")
        ),
        (FLAG, "ture", "ON is 'ture'; it must be true or false."),
        (CHOICE, "LOUD", "LEVEL is 'LOUD'; it must be INFO or ERROR."),
        (CHOICE, "two\nlines", "LEVEL is 'two\\nlines'; it must be INFO or ERROR."),
        (CHOICE, "x" * 99, f"LEVEL is '{'x' * 60}…'; it must be INFO or ERROR."),
        *(
            (
                TOKEN,
                text,
                "TOKEN is too short or contains a space; it must have 16 or more visible ASCII characters.",
            )
            for text in ("x", "0123456789abcde", "0123456789 abcdef")
        ),
        (HOST, "http://x", "HOST is 'http://x'; it must be an IP address or a host name."),
    ],
)
def test_other_values_are_refused_with_one_sentence(read: Read, text: str, sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read(reader(text))
    assert str(refused.value) == sentence


def test_a_setting_that_must_be_below_another() -> None:
    check_below(("A", 1), ("B", 1.5))
    with pytest.raises(ImproperlyConfigured, match=r"^A is 1\.5; it must be below B, which is 1\.5\.$"):
        check_below(("A", 1.5), ("B", 1.5))


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://host/",
        "redis://host:6379/0",
        "redis://user:p%40ss@10.0.0.5:6379/15",
        "redis://[::1]:6379/0",
        "rediss://host/0?ssl_ca_certs=/srv/ca.pem&ssl_cert_reqs=required&ssl_check_hostname=true",
    ],
)
def test_valid_redis_urls(url: str) -> None:
    check_redis_url("REDIS_URL", url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("localhost:6379", "REDIS_URL is localhost:6379; it must begin with redis:// or rediss://."),
        ("http://u:pw@host", "REDIS_URL is http://…@host; it must begin with redis:// or rediss://."),
        ("REDIS://host", "REDIS_URL is REDIS://host; it must begin with redis:// or rediss://."),
        ("redis:///0", "REDIS_URL is redis:///0; it must have a host"),
        (
            "redis://host:0/0",
            "REDIS_URL is redis://host:0/0; it must have a host, and a port from 1 to 65535",
        ),
        ("redis://host:65536/0", "REDIS_URL is redis://host:65536/0; it must have a host, and a port"),
        ("redis://host:port/0", "REDIS_URL is redis://…; it must have a host, and a port from 1 to 65535"),
        ("redis://[::1/0", "REDIS_URL is redis://…; it must have a host"),
        ("redis://host/name", "REDIS_URL is redis://host/name; it must end with the number of a database"),
        ("redis://host/-1", "REDIS_URL is redis://host/-1; it must end with the number of a database"),
        ("redis://host/0?db=1", "REDIS_URL is redis://host/0; it must have no parameters."),
        ("rediss://host/0?ssl_cert_reqs=NO", "it must have ssl_cert_reqs=required or none."),
        ("rediss://host/0?ssl_ca_certs=", "it must have ssl_ca_certs=a path."),
        ("rediss://host/0?timeout=1", "it must have no parameters but ssl_ca_certs, "),
        ("redis://host /0", "it must contain no space"),
    ],
)
def test_malformed_redis_urls(url: str, sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        check_redis_url("REDIS_URL", url)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://:memory:",
        "sqlite:////srv/my data/db.sqlite3",
        "postgres://finishd@127.0.0.1:5432/finishd",
        "postgresql://u:p@db/finishd?sslmode=verify-full&sslrootcert=system",
    ],
)
def test_valid_database_urls(url: str) -> None:
    check_database_url("DATABASE_URL", url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://u:pw@db/finishd", "is mysql://…@db/finishd; it must begin with postgres://"),
        (
            "postgres://u:pw@db:99999/finishd",
            "is postgres://…@db:99999/finishd; it must have a host, and a port",
        ),
        ("postgres://u:pw@db", "is postgres://…@db; it must end with the name of a database"),
        ("postgres:///finishd", "it must have a host"),
        ("postgres://db/finishd?sslmode=maybe", "it must have sslmode=disable or allow or"),
        ("postgres://db/finishd?connect_timeout=1", "it must have no parameters but sslmode"),
        ("sqlite://db.sqlite3", "it must name a file"),
        ("sqlite://", "it must name a file"),
    ],
)
def test_malformed_database_urls(url: str, sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        check_database_url("DATABASE_URL", url)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@host:6379/0",
        "redis://user:hunter2@host/0",
        "redis://:hunter2/more@host/0",
        "redis://:hunter2?more@host/0",
        "redis://:hunter2#more@host/0",
        "redis://:more@hunter2@host/0",
        "redis://user:hunter2",
        "redis://user:hunter2/0",
        "redis://host/0?password=hunter2",
        "redis://host/0?password=more@hunter2",
        "user:hunter2@host/0",
        "redis://us er:hunter2@host/0",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    assert "hunter2" not in redacted(url)
    assert "more" not in redacted(url)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.53", True),
        ("::1", True),
        ("%2Fvar%2Frun", True),
        ("redis", False),
        ("10.0.0.5", False),
    ],
)
def test_local_hosts(host: str, local: bool) -> None:
    assert is_local(host) is local
