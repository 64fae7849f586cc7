"""One log format for every process, with one redacting processor as its last step."""

import logging
import logging.config
from collections.abc import MutableMapping
from typing import Any

import structlog

from rbac.redaction import redact_lines, redact_value


def _redact_event(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        # A traceback keeps its lines; its last one is often what a server answered.
        event[key] = redact_lines(value) if key == "exception" and isinstance(value, str) else redact_value(value)
    return event


def logging_config(*, log_format: str, level: str) -> None:
    """Configure structlog and the standard library's logging alike, so that libraries come out in the same form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "plain": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": [*shared, structlog.stdlib.ExtraAdder()],
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.format_exc_info,
                        _redact_event,
                        renderer,
                    ],
                }
            },
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
            "root": {"handlers": ["console"], "level": level},
            "loggers": {
                # httpx logs full addresses, and with them skip tokens.
                "httpx": {"level": "WARNING"},
                "httpcore": {"level": "WARNING"},
                "msal": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},
            },
        }
    )
