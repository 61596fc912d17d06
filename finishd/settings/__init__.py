"""All settings. Each module reads its values from the environment once, when it is imported."""

from finishd.settings.api import *
from finishd.settings.base import *
from finishd.settings.celery import *
from finishd.settings.domain import *
from finishd.settings.environment import *
from finishd.settings.servers import *
from finishd.settings.web import *
