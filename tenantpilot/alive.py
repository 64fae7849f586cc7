"""Whether this machine's worker, sweeper or scheduler gave a sign of life lately: `python -m tenantpilot.alive worker`.

For container health checks, which run every half minute: it asks Postgres and loads no Django.
"""

import socket
import sys

import psycopg

from tenantpilot.data import given

_QUESTION = "SELECT count(*) FROM operations_processbeat WHERE name LIKE %s AND beat_at > statement_timestamp() - interval '60 seconds'"


def main(kind: str) -> int:
    """0 when a process of `kind` on this host is alive, else 1."""
    with psycopg.connect(given("DATABASE_URL"), connect_timeout=5) as connection:
        row = connection.execute(_QUESTION, [f"{kind} {socket.gethostname()}:%"]).fetchone()
    return 0 if row and row[0] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
