"""Production's settings with the URLs of the floors, so that both run in one server with the same middleware."""

from finishd.settings import *  # noqa: F403

ROOT_URLCONF = "bench.floors.urls"
