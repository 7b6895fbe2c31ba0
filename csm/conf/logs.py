"""Log lines: each with the request or the task and run it belongs to, as JSON or for reading."""

from typing import Any

import structlog

# Ours say what the workbench does; what others say is worth a line from warnings on.
_OURS = ("csm", "accounts", "scoring", "playbooks")
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def logging_config(form: str, level: str) -> dict[str, Any]:
    """`LOGGING` for `form` "json" (one object a line) or "line"; `level` of our own loggers.

    Request ids, task ids and run ids are bound where they begin and stand on every line below them.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    as_json = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    as_line = [
        # Plain: the other kind prints local variables, which are customers' data, and their repr asks a
        # database that has just failed again.
        structlog.dev.ConsoleRenderer(
            colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *(as_json if form == "json" else as_line),
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            **{name: {"level": level} for name in _OURS},
            # A line when a request ends; that it began is of no interest beside it.
            "django_structlog": {"level": "INFO" if form == "json" else "WARNING"},
        },
    }
