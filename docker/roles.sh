#!/bin/sh
# Runs once, when Postgres makes its data folder: the owner of the tables and the role that serves.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set owner="$(cat /run/secrets/owner_password)" --set app="$(cat /run/secrets/app_password)" <<'SQL'
CREATE ROLE tenantpilot_owner LOGIN BYPASSRLS PASSWORD :'owner';
CREATE ROLE tenantpilot_app LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'app';
GRANT ALL ON SCHEMA public TO tenantpilot_owner;
SQL
