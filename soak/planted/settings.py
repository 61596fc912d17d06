"""Production's settings, and an app that plants the bug named by SOAK_BUG when Django starts."""

from finishd import settings as production
from finishd.settings import *

INSTALLED_APPS = [*production.INSTALLED_APPS, "soak.planted"]
