"""The environment that the other settings read.

Variables of the process win over `.env` beside manage.py, and `.env` over `$FINISHD_DATA/run.env`. `make run` writes
the last one, so that commands in a second terminal use the same servers.

Every setting is read with bounds by `read`. A value outside them raises ImproperlyConfigured when the settings are
imported, and the process ends with that sentence.
"""

from pathlib import Path

import environ

from core.environment.reader import Reader

BASE_DIR = Path(__file__).resolve().parent.parent.parent
_env = environ.Env()
read = Reader(lambda name, default: str(_env.str(name, default=default)))
environ.Env.read_env(BASE_DIR / ".env")
FINISHD_DATA = Path(read.text("FINISHD_DATA", default=str(BASE_DIR / ".data"))).resolve()
environ.Env.read_env(FINISHD_DATA / "run.env")

DEBUG = read.flag("DEBUG", default=False)
