"""Celery: the broker, the queues and the time limits of tasks."""

from finishd.settings.environment import read
from finishd.settings.servers import REDIS_URL

CELERY_BROKER_URL = read.redis_url("CELERY_BROKER_URL", default=REDIS_URL)
if CELERY_BROKER_URL.startswith("rediss://"):
    # Without options kombu does not verify certificates. Options in the URL replace these; redis-py then requires a
    # valid certificate, unless the URL says otherwise.
    CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A message that a killed worker held is restored after this time. The next two settings check every few seconds.
    # Work that must not wait so long is a job in SQL or in the activity store.
    "visibility_timeout": 600,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_WORKER_CONSUMER = "core.broker.consumer:Consumer"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# A worker that loses the broker finishes its tasks. Redis would deliver a cancelled one only after the visibility
# timeout; a finished one that is delivered again changes nothing, because tasks are idempotent.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 570  # below the visibility timeout, or two workers would run one task
CELERY_TASK_SOFT_TIME_LIMIT = 550
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    # A task that fills a queue does not wait in it. Each takes a moment, and every worker serves this queue.
    "activity.tasks.sweep_jobs": {"queue": "sweeps"},
    "activity.tasks.read_events": {"queue": "sweeps"},
    "analytics.tasks.count_events": {"queue": "sweeps"},
    "finishd.privacy.tasks.sweep_erasures": {"queue": "sweeps"},
    # Imports and index rebuilds do not delay deliveries.
    "activity.tasks.*": {"queue": "delivery"},
    # Tasks that read events wait only for each other, and do not delay other tasks.
    "activity.tasks.read_shard_history": {"queue": "events"},
    "activity.tasks.flush_histories": {"queue": "events"},
    "analytics.tasks.*": {"queue": "events"},
    "feed.tasks.*": {"queue": "indexes"},
    "content.tasks.*": {"queue": "content"},
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
DJANGO_CELERY_BEAT_TZ_AWARE = True
