"""``mmpart.log``: its name, and how it is opened by all that write to it."""

import logging
from pathlib import Path

from mmpart_core.errors import ConfigError

LOG_FILE = "mmpart.log"


def open_log(folder: Path, form: str) -> logging.FileHandler:
    """A handler that adds to the log in a folder; folder and file are made where they are missing.

    Args:
        folder: of the result or report.
        form: of a line, as ``logging.Formatter`` takes it.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(folder / LOG_FILE, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"log '{folder / LOG_FILE}': cannot be written ({error.strerror}); choose another "
            "folder, or change its permissions"
        ) from error
    handler.setFormatter(logging.Formatter(form))
    return handler
