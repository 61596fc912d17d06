"""Production's settings with the URLs of the floors, so that both run in one server with the same middleware."""

from finishd.settings import *

ROOT_URLCONF = "bench.floors.urls"
