# One image for web, worker, sweeper and scheduler; the command decides which.
FROM python:3.12-slim AS packages
COPY requirements-production.lock /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements-production.lock

FROM python:3.12-slim
RUN useradd --system --uid 10001 --user-group --no-create-home tenantpilot
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py ./
COPY tenantpilot tenantpilot
COPY rbac rbac
COPY operations operations
COPY providers providers
COPY inventory inventory
COPY restore restore
COPY templates templates
COPY static static
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=tenantpilot.settings
# The values only let the settings load; collecting files asks neither server.
RUN SECRET_KEY=build DATABASE_URL=postgres://build@127.0.0.1:1/build REDIS_URL=redis://127.0.0.1:1/0 \
    python manage.py collectstatic --noinput --verbosity 0
USER tenantpilot
EXPOSE 8000
CMD ["gunicorn", "tenantpilot.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "8", \
     "--worker-tmp-dir", "/dev/shm"]
