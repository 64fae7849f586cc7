"""The two database roles: the owner of the tables, and the serving role that cannot pass the walls between tenants."""

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tenantpilot.servers import CannotStart, check_postgres

OWNER = "tenantpilot_owner"
APP = "tenantpilot_app"


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """`serving` is DATABASE_URL; `owner` is MIGRATE_DATABASE_URL, empty when nobody here may migrate."""

    serving: str
    owner: str


def provision(admin_url: str, *, owner_password: str, app_password: str) -> DatabaseUrls:
    """Create what is missing (both roles, the database) with an administrator's address and return the roles' addresses.

    Raises CannotStart when the server cannot be reached or the administrator lacks a right.
    """
    database = urlsplit(admin_url).path.lstrip("/") or "tenantpilot"
    try:
        with psycopg.connect(_with_path(admin_url, "postgres"), autocommit=True, connect_timeout=5) as connection:
            _ensure_role(connection, OWNER, "BYPASSRLS CREATEDB", owner_password)
            _ensure_role(connection, APP, "NOSUPERUSER NOBYPASSRLS", app_password)
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(OWNER))
                )
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(OWNER)))
    except psycopg.Error as error:
        raise CannotStart(f"Postgres could not be prepared: {_first_line(error)}.") from error
    return DatabaseUrls(
        serving=_with_user(admin_url, APP, app_password, database),
        owner=_with_user(admin_url, OWNER, owner_password, database),
    )


def urls_for(database_url: str, migrate_database_url: str, *, owner_password: str, app_password: str) -> DatabaseUrls:
    """The roles' addresses on a server somebody else runs.

    An address of an administrator (superuser or CREATEROLE) is used to provision the roles; any other is the serving
    role's already. Raises CannotStart.
    """
    if migrate_database_url:
        return DatabaseUrls(serving=database_url, owner=migrate_database_url)
    if not _is_administrator(database_url):
        return DatabaseUrls(serving=database_url, owner="")
    password = unquote(urlsplit(database_url).password or "")
    if password:
        # Derived, so that every data folder and test run pointed at this server comes to the same passwords.
        owner_password, app_password = (_derive(password, role) for role in (OWNER, APP))
    return provision(database_url, owner_password=owner_password, app_password=app_password)


def _is_administrator(url: str) -> bool:
    question = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            check_postgres(connection)
            row = connection.execute(question).fetchone()
    except psycopg.Error as error:
        failure = CannotStart(f"The Postgres of DATABASE_URL does not answer: {_first_line(error)}.")
        try:
            # An administrator may name a database that is yet to be made.
            with psycopg.connect(_with_path(url, "postgres"), connect_timeout=5) as connection:
                row = connection.execute(question).fetchone()
        except psycopg.Error:
            raise failure from error
        if not (row and row[0]):
            raise failure from error
    return bool(row and row[0])


def _ensure_role(connection: psycopg.Connection, name: str, rights: str, password: str) -> None:
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = "ALTER" if exists else "CREATE"
    connection.execute(
        sql.SQL(f"{verb} ROLE {{}} LOGIN {rights} PASSWORD {{}}").format(sql.Identifier(name), sql.Literal(password))  # type: ignore[arg-type]
    )


def _derive(secret: str, role: str) -> str:
    return hmac.new(secret.encode(), f"tenantpilot role {role}".encode(), hashlib.sha256).hexdigest()


def _with_path(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _with_user(url: str, role: str, password: str, database: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{host}", path=f"/{database}"))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
