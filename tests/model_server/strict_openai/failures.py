"""Replies that are not the usual answer: scripted failures, as OpenAI sends them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the server sends.

    Attributes:
        status: HTTP status.
        body: JSON body; bytes are sent as they are.
        headers: additional headers.
        delay_s: how long it waits before it sends.
        drop: shut the connection down instead of answering.
        unchecked: the body is meant to break the contract.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drop: bool = False
    unchecked: bool = False


def error(
    status: int,
    message: str,
    kind: str,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error with OpenAI's body."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Reply(status, body, headers or {})


def rate_limited(retry_after_s: float | None = 0.05) -> Reply:
    """429: too many requests; with ``retry-after`` unless None."""
    headers = {} if retry_after_s is None else {"retry-after": f"{retry_after_s:g}"}
    text = "Rate limit reached for requests per min (RPM): Limit 5, Used 5, Requested 1."
    return error(429, text, "requests", "rate_limit_exceeded", headers=headers)


def quota_exhausted() -> Reply:
    """429: no money left; trying again never helps."""
    text = "You exceeded your current quota, please check your plan and billing details."
    return error(429, text, "insufficient_quota", "insufficient_quota")


def server_error(status: int = 500) -> Reply:
    """5xx."""
    return error(status, "The server had an error while processing your request.", "server_error")


def dropped() -> Reply:
    """The connection ends without an answer."""
    return Reply(drop=True)


def slow(delay_s: float) -> Reply:
    """An answer that comes too late: after the wait the connection ends."""
    return Reply(delay_s=delay_s, drop=True)


def moderation_blocked() -> Reply:
    """400: the safety system refuses an image."""
    text = (
        "Your request was rejected by the safety system. If you believe this is an error, contact "
        "us. safety_violations=[violence]."
    )
    return error(400, text, "image_generation_user_error", "moderation_blocked")


def model_not_found(model: str = "gpt-image-1") -> Reply:
    """404: the model is gone, or not for this key."""
    text = f"The model `{model}` does not exist or you do not have access to it."
    return error(404, text, "invalid_request_error", "model_not_found")


def forbidden() -> Reply:
    """403: the organisation must be verified first."""
    text = "Your organization must be verified to use the model."
    return error(403, text, "invalid_request_error", None)
