"""Production's settings, and beside the API the floors that it is compared with: one server, the same middleware."""

from finishd.settings import *  # noqa: F403

ROOT_URLCONF = "bench.floors.urls"
