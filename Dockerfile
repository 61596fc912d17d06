# The image of production: the same for web, worker, beat and migrate (compose.yaml names the command of each).
FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /srv/finishd
RUN python -m venv /srv/venv
# The requirements first: code changes more often, and then this layer stays.
COPY requirements/prod.txt requirements/
RUN /srv/venv/bin/python -m pip install --require-hashes -r requirements/prod.txt
COPY . .
# The settings want these named; collectstatic signs nothing and opens no connection.
RUN SECRET_KEY=for-collectstatic-only REDIS_URL=redis://unused:6379/0 \
    /srv/venv/bin/python manage.py collectstatic --noinput \
    && /srv/venv/bin/python -m compileall -q manage.py finishd content activity analytics feed

FROM python:3.13-slim-bookworm
# Nothing in the image belongs to the user that runs it: a hole in the server cannot change its code.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin finishd
COPY --from=build /srv /srv
ENV PATH=/srv/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PROMETHEUS_MULTIPROC_DIR=/tmp/finishd-metrics
WORKDIR /srv/finishd
USER 10001:10001
EXPOSE 8000
# WEB_CONCURRENCY is gunicorn's own name for the number of processes.
ENV WEB_CONCURRENCY=2
CMD ["gunicorn", "finishd.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--threads", "8", \
     "--worker-tmp-dir", "/dev/shm", "--no-control-socket", "--graceful-timeout", "20"]
