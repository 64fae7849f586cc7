"""The environment TenantPilot reads, declared once.

Secrets have no default and may also come from a file named by ``NAME_FILE`` (container secrets).
`.env.example` lists the same names; a test compares the two.
"""

import environ

env = environ.FileAwareEnv(
    DEBUG=(bool, False),
    ALLOWED_HOSTS=(list, ["127.0.0.1", "localhost", "[::1]"]),
    CSRF_TRUSTED_ORIGINS=(list, []),
    PUBLIC_URL=(str, "http://127.0.0.1:8000"),
    COOKIE_SECURE=(bool, True),
    TRUST_PROXY_HEADERS=(bool, False),
    MIGRATE_DATABASE_URL=(str, ""),
    DATABASE_POOL_SIZE=(int, 0),
    CREDENTIAL_KEYS=(list, []),
    SANDBOX_URL=(str, ""),
    LOG_FORMAT=(str, "json"),
    LOG_LEVEL=(str, "INFO"),
    RUN_LEASE_SECONDS=(float, 45.0),
    RUN_SWEEP_SECONDS=(float, 15.0),
    RUN_REPUBLISH_SECONDS=(float, 30.0),
    BROKER_PUBLISH_TIMEOUT=(float, 0.5),
    WORKER_THREADS=(int, 8),
    GRAPH_MAX_BODY_BYTES=(int, 50 * 1024 * 1024),
)
