"""Takes machine paths and secrets out of texts that leave the machine with a bundle."""

import re
from typing import Any

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # Keys of hosted services, and user names and passwords inside addresses.
    (re.compile(r"\b(?:sk|hf|ghp|xoxb)[-_][A-Za-z0-9_\-]{12,}"), "[removed]"),
    (re.compile(r"\bAKIA[0-9A-Z]{12,}"), "[removed]"),
    (re.compile(r"(?i)\b(bearer|api[_-]?key|token|password|secret)([\"']?\s*[=:\s]\s*)[^\s,;)\"']{6,}"),
     r"\1\2[removed]"),
    (re.compile(r"(?<=://)[^/\s@]+@"), ""),
    # Absolute paths keep their last part. "/" after a word or a colon is a URL or a ratio.
    (re.compile(
        r"(?<![\w.:/~<-])(?:file://)?/(?:[\w.@+%=~ -]*[\w.@+%=~-]/)+([\w.@+%=~-]*)"
    ), r"…/\1"),
    (re.compile(r"\b[A-Za-z]:\\(?:[^\\\s]+\\)+([^\\\s]*)"), r"…/\1"),
)  # fmt: skip


def scrub_text(text: str) -> str:
    """A text without absolute paths of this machine and without secrets.

    Example:
        >>> scrub_text("cannot read /home/ada/weights/net.pt (token=abcdef123456)")
        'cannot read …/net.pt (token=[removed])'
        >>> scrub_text("see https://example.org/a/b")
        'see https://example.org/a/b'
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def scrub(value: Any) -> Any:
    """``scrub_text`` on every text inside JSON-safe data; keys stay."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, dict):
        return {key: scrub(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(item) for item in value]
    return value
