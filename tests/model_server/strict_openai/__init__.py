"""A strict model server on loopback: what OpenAI's API promises, checked on real SDK traffic.

How to use it::

    def test_something(model_server):                     # fixture of tests/conftest.py
        model_server.answer("/images/edits", lambda request: images(my_png_bytes))
        model_server.fail("/images/edits", rate_limited(retry_after_s=0.1), server_error())
        ... settings: base_url=model_server.base_url, key: model_server.api_key ...
        assert [r.path for r in model_server.requests] == ["/images/edits"] * 3

``answer(path, function)`` sets what an endpoint replies: the function gets a ``Request`` (``body``:
the JSON body or the form's fields; ``files``: uploads by field; ``headers``) and gives the JSON
body of a 200, or a ``Reply`` (status, body, headers, ``delay_s``, ``drop``).
``fail(path, *replies)`` queues replies that come first, one per request. Bodies that match the
contract: ``images``, ``response``, ``refusal``, ``incomplete``, ``chat``; scripted failures:
``rate_limited``, ``quota_exhausted``, ``server_error``, ``dropped``, ``slow``,
``moderation_blocked``, ``model_not_found``, ``forbidden``.

Each request is checked against ``contract/openai-subset.yaml`` and the rules that the schema only
tells in prose, and so is each answer. A breach is a 400 (of an answer: a 500) and a line in
``violations``: the fixture fails a test that leaves any, even where the client swallowed the error.
"""

from strict_openai.answers import chat, images, incomplete, refusal, response
from strict_openai.failures import (
    Reply,
    dropped,
    forbidden,
    model_not_found,
    moderation_blocked,
    quota_exhausted,
    rate_limited,
    server_error,
    slow,
)
from strict_openai.requests import Request, Upload
from strict_openai.server import ModelServer

__all__ = [
    "ModelServer",
    "Reply",
    "Request",
    "Upload",
    "chat",
    "dropped",
    "forbidden",
    "images",
    "incomplete",
    "model_not_found",
    "moderation_blocked",
    "quota_exhausted",
    "rate_limited",
    "refusal",
    "response",
    "server_error",
    "slow",
]
