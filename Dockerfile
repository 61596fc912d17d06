# The production image, for web, worker, beat and migrate. compose.yaml has the command of each.
FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /srv/finishd
RUN python -m venv /srv/venv
# Requirements come first: code changes more often, and this layer stays cached.
COPY requirements/prod.txt requirements/
RUN /srv/venv/bin/python -m pip install --require-hashes -r requirements/prod.txt
COPY . .
# The settings require these variables. collectstatic signs nothing and opens no connection.
RUN SECRET_KEY=for-collectstatic-only REDIS_URL=redis://unused:6379/0 \
    /srv/venv/bin/python manage.py collectstatic --noinput \
    && /srv/venv/bin/python -m compileall -q manage.py core finishd content activity analytics feed

FROM python:3.13-slim-bookworm
# The user that runs the server owns no file, so an attacker cannot change the code.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin finishd
COPY --from=build /srv /srv
ENV PATH=/srv/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PROMETHEUS_MULTIPROC_DIR=/tmp/finishd-metrics
WORKDIR /srv/finishd
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "finishd.run.web", "--host", "0.0.0.0", "--port", "8000"]
