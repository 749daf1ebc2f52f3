"""What the SDK's errors mean to us: which stop the run, which the part, which may pass."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from mmpart_core.errors import (
    BackendError,
    ConfigError,
    MMPartError,
    QuotaExhaustedError,
    RefusedError,
    TransientBackendError,
)
from mmpart_core.hosted.secrets import without_keys

_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_MODERATION = frozenset({"moderation_blocked", "content_policy_violation", "content_filter"})
_MOST_CHARS = 400
REPHRASE = (
    "reword the component's name or its hidden area, leave the part out, or use another isolator "
    "or planner"
)


@dataclass(frozen=True)
class CallPlace:
    """Where a call comes from, for messages.

    Attributes:
        what: the work, for instance ``plan of 'rider'``.
        stage: the stage, whose settings messages name.
        model: the model's name.
        base_url: the server.
        key_variable: the environment variable of the key.
        timeout_s: how long an answer may take.
        prefix: what the names of the settings begin with, where a stage calls several models.
    """

    what: str
    stage: str
    model: str
    base_url: str
    key_variable: str
    timeout_s: float
    prefix: str = ""

    def setting(self, name: str) -> str:
        """A setting as the user knows it, for instance ``isolate.check_model``."""
        return f"{self.stage}.{self.prefix}{name}"


def translated(error: Exception, place: CallPlace, key: SecretStr | None) -> MMPartError:
    """The error of ours that an SDK's error means.

    Args:
        error: what the SDK raised: ``openai.OpenAIError``, or that an answer is no JSON.
        place: where the call comes from.
        key: taken out of the message.
    """
    import openai

    told = said(error, key)
    if isinstance(error, openai.APITimeoutError):
        return TransientBackendError(
            f"{place.what}: {place.model} gave no answer within {place.timeout_s:g} s (it may be "
            f"billed all the same); run again, or raise {place.setting('timeout_s')}"
        )
    if isinstance(error, openai.APIConnectionError):
        return TransientBackendError(
            f"{place.what}: the connection to {place.base_url} failed ({told}); check the network "
            f"and {place.setting('base_url')}, and run again"
        )
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, place, told)
    return BackendError(
        f"{place.what}: the answer of {place.model} could not be read ({told}); check that "
        f"{place.base_url} is where OpenAI's interface is: most addresses end with /v1"
    )


def _of_status(error: Any, place: CallPlace, told: str) -> MMPartError:
    codes = {error.code, error.type}
    if codes & _QUOTA:
        return QuotaExhaustedError(
            f"{place.what}: the account of {place.base_url} has no money left ({told}); add "
            "credit or raise its limit, then run the same command: what was finished is kept"
        )
    if codes & _MODERATION:
        return RefusedError(
            f"{place.what}: {place.model} declined, its safety system objects to the image or the "
            f"words ({told}); {REPHRASE}"
        )
    if error.status_code in (401, 403, 404):
        return _of_access(error.status_code, place, told)
    if error.status_code in (408, 409, 425, 429) or error.status_code >= 500:
        kind = "is throttled" if error.status_code == 429 else "failed"
        asked_s = retry_after_s(error)
        wait = "" if asked_s is None else f"; it asks to wait {asked_s:.0f} s"
        return TransientBackendError(
            f"{place.what}: {place.model} {kind} (HTTP {error.status_code}: {told}{wait}); run "
            f"again later, lower {place.setting('requests_per_minute')} or raise "
            f"{place.setting('attempts')}"
        )
    return BackendError(
        f"{place.what}: {place.model} refused the request (HTTP {error.status_code}: {told}); "
        f"check {place.setting('model')} and the other settings of {place.stage}"
    )


def _of_access(status: int, place: CallPlace, told: str) -> ConfigError:
    model = place.setting("model")
    if status == 404:
        return ConfigError(
            f"{model} '{place.model}': not found at {place.base_url} ({told}); it may be shut down "
            f"(see mmpart doctor) or not open to this key; set {model} to one that is, and check "
            f"{place.setting('base_url')}"
        )
    if not place.key_variable:
        return ConfigError(
            f"{place.stage}: {place.base_url} wants a key, and none was sent ({told}); name the "
            f"environment variable that holds it: {place.setting('api_key_variable')}"
        )
    if status == 401:
        return ConfigError(
            f"{place.stage}: {place.base_url} does not take the key in {place.key_variable} "
            f"({told}); set the right one"
        )
    return ConfigError(
        f"{model} '{place.model}': {place.base_url} denies the key in "
        f"{place.key_variable} its use ({told}); image models of OpenAI need a "
        "verified organisation"
    )


def said(error: Exception, key: SecretStr | None) -> str:
    """An error's own words: one line, short, without keys."""
    body = getattr(error, "body", None)
    text = body.get("message") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text.strip():
        text = str(error) or type(error).__name__
    text = re.sub(r"\s+", " ", without_keys(text, key)).strip()
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}..."


def retry_after_s(error: Exception) -> float | None:
    """How long the server asks to wait before the next try; None where it does not say.

    ``retry-after-ms`` in milliseconds, ``retry-after`` in seconds or as an HTTP date (RFC 9110,
    10.2.3).
    """
    headers = getattr(getattr(error, "response", None), "headers", None)
    if headers is None:
        return None
    try:
        if headers.get("retry-after-ms"):
            return max(float(headers["retry-after-ms"]) / 1000.0, 0.0)
        if headers.get("retry-after"):
            return max(float(headers["retry-after"]), 0.0)
    except ValueError:
        return _seconds_until(str(headers.get("retry-after")))
    return None


def _seconds_until(date: str) -> float | None:
    import datetime
    from email.utils import parsedate_to_datetime

    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    now = datetime.datetime.now(datetime.UTC)
    return max((then.replace(tzinfo=then.tzinfo or datetime.UTC) - now).total_seconds(), 0.0)
