"""Names: what a component may be called, and file-safe forms of any name."""

import unicodedata
from collections.abc import Container

from mmpart_core.errors import InputError
from mmpart_core.quoting import quoted

MAX_NAME_CHARS = 120
_MAX_SLUG_BYTES = 100  # file systems allow 255; room for suffixes is left
_UNSAFE_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
_RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
}


def clean_name(value: object, where: str) -> str:
    """A component's name, trimmed and in Unicode's composed form (NFC).

    Args:
        value: what the user gave.
        where: file and entry, for messages.

    Raises:
        InputError: not text, empty, too long, or with a slash, backslash or control character.
    """
    if not isinstance(value, str):
        raise InputError(
            f"{where}: name {quoted(value)} is no text, text expected; put it in quotes"
        )
    name = unicodedata.normalize("NFC", value).strip()
    if not name:
        raise InputError(f"{where}: the name is empty; say what the component is called")
    if len(name) > MAX_NAME_CHARS:
        raise InputError(
            f"{where}: the name has {len(name)} characters, at most {MAX_NAME_CHARS} expected; "
            f"shorten '{name[:30]}...'"
        )
    bad = next((c for c in name if c in "/\\" or unicodedata.category(c) in _UNSAFE_CATEGORIES), "")
    if bad:
        raise InputError(
            f"{where}: name {quoted(name)} holds {bad!r}; slashes, backslashes and control "
            "characters are not allowed in names (they become file and node names): leave it out"
        )
    return name


def says_something(name: str) -> bool:
    """Whether a file-safe form of a name is more than a stand-in: see ``slug``.

    A letter or digit of any script, or an underscore; marks alone, as emoji have, are not seen.

    Example:
        >>> says_something("帽子"), says_something("..")
        (True, False)
    """
    return any(unicodedata.category(c)[0] in "LN" or c == "_" for c in name)


def comparable(name: str) -> str:
    """What two names have in common that a reader takes for one: compared without case.

    Compatible characters (full-width letters, ligatures, no-break spaces) are taken as the plain
    ones (NFKC), runs of white space as one space, and the case does not matter.

    Example:
        >>> comparable("  Ｈat\u00a0 Box") == comparable("hat box")
        True
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    # Folding may give a form that is not composed: İ becomes i and a dot.
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def slug(name: str, taken: Container[str] = ()) -> str:
    """A file-safe form of a name: letters and digits of any script, dashes for all else.

    Args:
        name: any text.
        taken: slugs in use, casefolded (file systems may ignore case); the result differs.

    Example:
        >>> slug("  Ritter: Helm/Hut ")
        'Ritter-Helm-Hut'
        >>> slug("帽子", taken={"帽子"})
        '帽子-2'
    """
    kept = "".join(
        c if unicodedata.category(c)[0] in "LMN" or c == "_" else "-"
        for c in unicodedata.normalize("NFC", name)
    )
    words = [word for word in kept.split("-") if word]
    base = _cut("-".join(words), _MAX_SLUG_BYTES) or "object"
    if base.casefold() in _RESERVED:
        base += "_"
    candidate, number = base, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{base}-{number}"
    return candidate


def _cut(text: str, max_bytes: int) -> str:
    return text.encode("utf-8", "ignore")[:max_bytes].decode("utf-8", "ignore")
