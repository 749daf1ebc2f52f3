"""Where keys are: handed in, or in the environment; never in settings, records or messages.

This is the one place of the core that reads the environment. A key that travelled through settings
would end in cache keys, manifests and Prefect's database.
"""

import os
import re
import threading

from pydantic import SecretStr

from mmpart_core.errors import ConfigError

_lock = threading.Lock()
_provided: dict[str, SecretStr] = {}
# Shapes of keys that servers repeat in their messages, the masked ones as well.
_KEY_LIKE = re.compile(r"\b(?:sk|hf|ghp|xoxb|key)[-_][A-Za-z0-9_\-*.…]{6,}|(?i:bearer)\s+\S+")
REMOVED = "[removed]"


def provide_key(variable: str, key: SecretStr) -> None:
    """Hand in a key for this process, in place of the environment variable of that name."""
    with _lock:
        _provided[variable] = key


def forget_keys() -> None:
    """Forget the keys that were handed in."""
    with _lock:
        _provided.clear()


def has_key(variable: str) -> bool:
    """Whether there is a key; its value is not looked at."""
    return bool(_looked_up(variable))


def find_key(variable: str, place: str) -> SecretStr:
    """The key that a setting names.

    Args:
        variable: name of the environment variable.
        place: which setting names it, for the message.

    Returns:
        Without white space around it: files and secret stores end keys with a new line.

    Raises:
        ConfigError: there is none, or it cannot be sent.
    """
    key = _looked_up(variable)
    if not key:
        raise ConfigError(
            f"{place}: a key in the environment variable {variable} expected, it is not set; set "
            f"it (export {variable}=...), name another variable, or leave the setting empty for a "
            "server that needs no key"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(
            f"{place}: the key in {variable} holds spaces, line breaks or letters that no key has; "
            "copy it again, whole and without quotation marks"
        )
    return SecretStr(key)


def _looked_up(variable: str) -> str:
    provided = _provided.get(variable)
    key = os.environ.get(variable, "") if provided is None else provided.get_secret_value()
    return key.strip()


def without_keys(text: str, key: SecretStr | None = None) -> str:
    """A text without the given key and without anything that looks like one.

    Example:
        >>> without_keys("Incorrect API key provided: sk-proj-abc***********xyz.")
        'Incorrect API key provided: [removed]'
    """
    if key is not None and key.get_secret_value():
        text = text.replace(key.get_secret_value(), REMOVED)
    return _KEY_LIKE.sub(REMOVED, text)
