"""Which part is in front of which, told from the shapes of a single division."""

import math
import re
from collections.abc import Collection, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Int32

from mmpart_core.images import morphology

# Scores of a pair: enclosure adds or takes 2, convexity up to 0.5, junctions up to 1.5. These and
# the weights below are set by hand on the examples; not measured.
FRONT = 0.25  # score from which one part counts as in front of another
_FRONT_WITH_WORDS = 0.1  # the user says that something is hidden
_FRONT_BY_NAME = -0.2  # the user names it in these words
_WORD = re.compile(r"[^\W\d_]+")
# Words that tell English from its neighbours. Where none of them stands, the last word of a name
# may be an adjective ("bras gauche").
_ENGLISH = re.compile(r"\b(?:the|and|with|behind|beneath|below|which|that|this|its|where|what)\b")
_COMPLEMENT = re.compile(r"[(\[]|\b(?:of|with|without|for|from|in|inside|on|at|to|behind|under)\b")
_JOINT = re.compile(r"[,;/&+]|\b(?:and|or)\b")
# Words of place, and such as every part can be called by.
_NO_HEADS = re.compile(
    r"(?:left|right|front|rear|back|top|bottom|side|middle|cent(?:er|re)|upper|lower|inner|outer"
    r"|(?:in|out)side|interior|exterior|end|edge|corner|half|halve|rest|area|region|surface|part"
    r"|piece|section|component|object|thing|other|one)s?"
)
_ENCLOSED = 0.85  # of a part's rim that touches the other: the rest may be at the silhouette
# Score for how much further a part's hull reaches into the other than the other's into it, over
# the smaller one's area; and the most that it may give, as a part may be concave by itself.
_HULL_GAIN = 2.0
_HULL_MOST = 0.5
_JUNCTION_GAIN = 1.5
_JUNCTION_RADIUS = 0.03  # of the object's size (root of its area), of the disc looked at
# Length along which two parts must touch to be compared, of the root of the smaller one's area.
_MIN_CONTACT = 0.04


def occluders(
    labels: Int32[np.ndarray, "H W"], part: int, words: bool, named: Collection[int] = ()
) -> Bool[np.ndarray, "H W"]:
    """The visible pixels of all that is in front of a part.

    Three cues, added up for each pair that touches. Enclosure: what lies wholly within another is
    in front of it. Convexity: the part behind is cut out where the other is, so its convex hull
    reaches into the other more than the other's into it. T-junctions: where two parts and the
    background meet, the contour of the one in front runs on straight, so it fills half of a small
    disc there.

    Args:
        labels: 0 outside the object, else who has the pixel.
        part: the label to look at.
        words: the user described a hidden area of it; less then suffices.
        named: labels that these words name; they are in front of it where they touch it, unless
            the shapes speak clearly against it, and words lower the bar for no others.
    """
    own = labels == part
    front = np.zeros_like(own)
    touching = labels[morphology.dilated(own, 2) & ~own]
    neighbours = np.unique(touching[touching > 0]).tolist()
    sure = set(named) & set(neighbours)
    least = _FRONT_WITH_WORDS if words and not sure else FRONT
    for other in neighbours:
        if _in_front(labels, part, other) > (_FRONT_BY_NAME if other in sure else least):
            front |= labels == other
    return front


def named_components(words: str, names: Sequence[str]) -> list[int]:
    """Which components the user's words speak of, by index.

    Names of ASCII letters must stand as a word (a plural counts); others may stand anywhere, as
    not every script separates words. In English words, a name of several words may also be spoken
    of by its head noun where no other name has it: "the chest behind the beard" means the
    component "hair and beard", but "the back is smooth" not "back wheel".

    Example:
        >>> named_components("the head under the hats is bald", ["hat", "head", "tail"])
        [0, 1]
        >>> named_components("the chest behind the beard", ["hair and beard", "left arm"])
        [0]
        >>> named_components("the left side of the chest is bare", ["left arm", "chest"])
        [1]
    """
    text = words.casefold()
    english = _ENGLISH.search(text) is not None
    found: list[int] = []
    for index, name in enumerate(names):
        others = [word for other in (*names[:index], *names[index + 1 :]) for word in _words(other)]
        heads = [head for head in _head_nouns(name) if english and not _is_among(head, others)]
        if any(_speaks_of(text, term) for term in (name.casefold(), *heads)):
            found.append(index)
    return found


def _words(name: str) -> list[str]:
    return _WORD.findall(name.casefold())


def _head_nouns(name: str) -> list[str]:
    """The nouns that an English name is built on: the last word before "of" or "with".

    "and" joins names with a head each. A word of place, or a general one, tells nothing.
    """
    body = _COMPLEMENT.split(name.casefold().replace("_", " "), maxsplit=1)[0]
    joined = [_words(piece) for piece in _JOINT.split(body)]
    heads = [words[-1] for words in joined if words]
    return [head for head in heads if head.isascii() and not _NO_HEADS.fullmatch(head)]


def _is_among(head: str, words: Sequence[str]) -> bool:
    """Whether one of some words is the same noun, in the singular or the plural."""
    return any(_speaks_of(word, head) or _speaks_of(head, word) for word in words)


def _speaks_of(text: str, term: str) -> bool:
    pattern = re.escape(term)
    if term.isascii():
        plural = "(es)?" if pattern.endswith(("s", "x", "z", "ch", "sh")) else "s?"
        pattern = rf"(?<!\w){pattern}{plural}(?!\w)"
    return re.search(pattern, text) is not None


def _in_front(labels: Int32[np.ndarray, "H W"], part: int, other: int) -> float:
    """Positive where ``other`` is in front of ``part``."""
    own, cover = labels == part, labels == other
    contact = morphology.dilated(own, 2) & cover
    back_contact = morphology.dilated(cover, 2) & own
    smaller = max(min(int(own.sum()), int(cover.sum())), 1)
    if contact.sum() < 2 * _MIN_CONTACT * math.sqrt(smaller):
        return -1.0
    score = _enclosure(cover, own, contact) - _enclosure(own, cover, back_contact)
    behind = _hull_overlap(own, cover) / smaller
    before = _hull_overlap(cover, own) / smaller
    score += float(np.clip(_HULL_GAIN * (behind - before), -_HULL_MOST, _HULL_MOST))
    return score + _JUNCTION_GAIN * _junction_vote(labels, part, other)


def _enclosure(
    inner: Bool[np.ndarray, "H W"], outer: Bool[np.ndarray, "H W"], contact: Bool[np.ndarray, "H W"]
) -> float:
    """2 where ``inner`` lies within ``outer``, else 0."""
    rim = inner & ~morphology.eroded(inner, 1)
    shared = (morphology.dilated(contact, 2) & rim).sum() / max(int(rim.sum()), 1)
    return 2.0 if shared >= _ENCLOSED and inner.sum() < outer.sum() else 0.0


def hull(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """The convex hull of a mask, as pixels."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return mask.copy()
    corners = cv2.convexHull(np.stack([columns, rows], axis=-1).astype(np.int32))
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(drawn, corners, (1,))
    return drawn > 0


def _hull_overlap(mask: Bool[np.ndarray, "H W"], other: Bool[np.ndarray, "H W"]) -> int:
    """Pixels of ``other`` within the hulls of the pieces of ``mask``."""
    pieces, count = morphology.pieces(mask)
    covered = np.zeros_like(mask)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    for piece in range(1, count + 1):
        if areas[piece] >= 0.02 * areas[1:].max():
            covered |= hull(pieces == piece)
    return int((covered & other).sum())


def _junction_vote(labels: Int32[np.ndarray, "H W"], part: int, other: int) -> float:
    """Mean vote of the places where the two parts and the background meet; -1 to 1."""
    size = math.sqrt(float((labels > 0).sum()))
    radius = max(4, round(_JUNCTION_RADIUS * size))
    spots = (
        morphology.dilated(labels == part, 2)
        & morphology.dilated(labels == other, 2)
        & morphology.dilated(labels == 0, 2)
    )
    pieces, count = morphology.pieces(spots)
    votes: list[float] = []
    for piece in range(1, count + 1):
        rows, columns = np.nonzero(pieces == piece)
        shares = _disc_shares(labels, int(rows.mean()), int(columns.mean()), radius)
        own, cover, outside = (shares.get(label, 0.0) for label in (part, other, 0))
        if abs(outside - 0.5) < min(abs(own - 0.5), abs(cover - 0.5)):
            votes.append(0.0)  # the silhouette runs straight on: the parts only meet there
        else:
            votes.append(_half(cover) - _half(own))
    return float(np.mean(votes)) if votes else 0.0


def _half(share: float) -> float:
    """1 where a part fills half of the disc, 1/e where it fills 0.1 more or less."""
    return math.exp(-(((share - 0.5) / 0.1) ** 2))


def _disc_shares(
    labels: Int32[np.ndarray, "H W"], row: int, column: int, radius: int
) -> dict[int, float]:
    top, left = max(row - radius, 0), max(column - radius, 0)
    window = labels[top : row + radius + 1, left : column + radius + 1]
    rows, columns = np.mgrid[0 : window.shape[0], 0 : window.shape[1]]
    disc = (rows + top - row) ** 2 + (columns + left - column) ** 2 <= radius**2
    found, counts = np.unique(window[disc], return_counts=True)
    return dict(zip(found.tolist(), (counts / counts.sum()).tolist(), strict=True))
