"""Bodies of successful answers that match the contract."""

import base64
import time
import uuid
from io import BytesIO
from typing import Any

from PIL import Image


def images(
    *pngs: bytes,
    quality: str = "high",
    background: str = "opaque",
    text_tokens: int = 100,
    image_tokens: int = 1000,
    output_tokens: int = 2000,
) -> dict[str, Any]:
    """The answer of ``/images/edits``: the given image files (PNG, WebP or JPEG)."""
    with Image.open(BytesIO(pngs[0])) as first:
        size, kind = f"{first.width}x{first.height}", (first.format or "PNG").lower()
    used = text_tokens + image_tokens
    return {
        "created": int(time.time()),
        "data": [{"b64_json": base64.b64encode(png).decode()} for png in pngs],
        "background": background,
        "output_format": kind,
        "quality": quality,
        "size": size,
        "usage": {
            "input_tokens": used,
            "input_tokens_details": {"text_tokens": text_tokens, "image_tokens": image_tokens},
            "output_tokens": output_tokens,
            "total_tokens": used + output_tokens,
        },
    }


def response(
    text: str,
    *,
    model: str = "gpt-6.1-terra",
    input_tokens: int = 1000,
    cached_tokens: int = 0,
    output_tokens: int = 500,
    reasoning_tokens: int = 200,
) -> dict[str, Any]:
    """The answer of ``/responses``: one message after a piece of reasoning."""
    message = {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "phase": "final_answer",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
    }
    thought = {"id": f"rs_{uuid.uuid4().hex}", "type": "reasoning", "summary": []}
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [thought, message],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": input_tokens,
            "input_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": 0},
            "output_tokens": output_tokens,
            "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
            "total_tokens": input_tokens + output_tokens,
        },
    }


def refusal(text: str = "I'm sorry, I can't help with that.", **usage: Any) -> dict[str, Any]:
    """The answer of ``/responses`` when the model declines."""
    body = response("", **usage)
    body["output"][-1]["content"] = [{"type": "refusal", "refusal": text}]
    return body


def incomplete(
    reason: str = "max_output_tokens", text: str = '{"parts": [', **usage: Any
) -> dict[str, Any]:
    """The answer of ``/responses`` that ends too early."""
    body = response(text, **usage)
    body["status"] = body["output"][-1]["status"] = "incomplete"
    body["incomplete_details"] = {"reason": reason}
    return body


def chat(
    text: str | None,
    *,
    model: str = "qwen3-vl-8b",
    finish_reason: str = "stop",
    declined: str | None = None,
    prompt_tokens: int = 1000,
    completion_tokens: int = 500,
    with_usage: bool = True,
) -> dict[str, Any]:
    """The answer of ``/chat/completions``; some compatible servers send no usage."""
    body: dict[str, Any] = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "logprobs": None,
                "message": {"role": "assistant", "content": text, "refusal": declined},
            }
        ],
    }
    if with_usage:
        body["usage"] = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }
    return body
