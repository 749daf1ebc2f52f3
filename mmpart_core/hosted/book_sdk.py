"""Stands in for the SDK's client where answers may have come with a batch: looks requests up."""

import base64
from dataclasses import dataclass
from typing import Any, cast

from mmpart_core.hosted.answer_book import AnswerBook, BatchAnswer, CallOrigin, Endpoint


class BookSdk:
    """Has those methods of the SDK's client that back-ends use; each looks its request up.

    Args:
        book: where answers are.
        origin: where the call comes from.

    Attributes:
        book: as given.
        custom_id: of the request that was looked up.
        found: its answer, if there is one.

    Raises:
        AwaitedAnswerError: by its methods, see ``AnswerBook.look_up``.
    """

    def __init__(self, book: AnswerBook, origin: CallOrigin) -> None:
        self.book = book
        self._origin = origin
        self.custom_id = ""
        self.found: BatchAnswer | None = None

    @property
    def responses(self) -> "_Method":
        """The Responses interface: ``create``."""
        return _Method(self, "/v1/responses")

    @property
    def chat(self) -> "BookSdk":
        """Chat Completions, as ``chat.completions.create``."""
        return self

    @property
    def completions(self) -> "_Method":
        """See ``chat``."""
        return _Method(self, "/v1/chat/completions")

    @property
    def images(self) -> "_Method":
        """The Images interface: ``edit``."""
        return _Method(self, "/v1/images/edits")

    def ask(self, endpoint: Endpoint, body: dict[str, Any]) -> Any:
        """The SDK's object of the answer that was found; None where there is none or an error."""
        self.custom_id, self.found = self.book.look_up(endpoint, body, self._origin)
        if self.found is None or self.found.status != 200:
            return None
        return _sdk_type(endpoint).construct(**self.found.body)


@dataclass(frozen=True)
class _Method:
    sdk: BookSdk
    endpoint: Endpoint

    def create(self, **body: Any) -> Any:
        """Look a JSON request up."""
        return self.sdk.ask(self.endpoint, body)

    def edit(self, **form: Any) -> Any:
        """Look an edit up: its form as the JSON body that batches take, files as data URLs."""
        body = {name: value for name, value in form.items() if name not in ("image", "mask")}
        pictures = form["image"] if isinstance(form["image"], list) else [form["image"]]
        body["images"] = [self._as_url(each) for each in cast("list[_File]", pictures)]
        if "mask" in form:
            body["mask"] = self._as_url(form["mask"])
        return self.sdk.ask(self.endpoint, body)

    def _as_url(self, file: "_File") -> dict[str, str]:
        _, data, media = file
        url = f"data:{media};base64,{base64.b64encode(data).decode()}"
        return {"image_url": self.sdk.book.kept_once(url)}


_File = tuple[str, bytes, str]
"""Name, content and media type, as the SDK takes uploads."""


def status_error(answer: BatchAnswer) -> Exception:
    """The SDK's error that a single call with this answer would have raised."""
    import httpx2
    import openai

    body: Any = answer.body.get("error", answer.body)
    message = body.get("message") if isinstance(body, dict) else None
    response = httpx2.Response(answer.status, request=httpx2.Request("POST", "http://batch"))
    return openai.APIStatusError(str(message or body), response=response, body=body)


def _sdk_type(endpoint: Endpoint) -> Any:
    from openai.types import ImagesResponse
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response

    return {
        "/v1/responses": Response,
        "/v1/chat/completions": ChatCompletion,
        "/v1/images/edits": ImagesResponse,
    }[endpoint]
