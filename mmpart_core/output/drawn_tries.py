"""The pictures that an image model drew of the parts, rejected ones included, as users see them.

Each lies in ``tries/`` as it came. The manifest says what was found wrong with it and what it
cost; the page shows it small.
"""

import base64
import html
import io
import math
from collections.abc import Sequence
from typing import Any

from PIL import Image

from mmpart_core.output import wording
from mmpart_core.output.part_facts import PartFacts
from mmpart_core.output.scrubbing import scrub, scrub_text
from mmpart_core.records import IsolationTry
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore

FOLDER = "tries"
_THUMB_PX = 176


def try_file(slug: str, number: int) -> str:
    """Where a picture lies in the bundle.

    Args:
        slug: file name of the part.
        number: of the picture, from 1.
    """
    return f"{FOLDER}/{slug}-{number}.png"


def try_facts(part: PartFacts) -> list[dict[str, Any]]:
    """What the manifest says of a part's pictures, in the order they were drawn."""
    return [
        {
            "file": try_file(part.slug, number),
            "digest": each.answer.sha256,
            "score": each.score,
            "accepted": each.accepted,
            "checked": each.checked,
            "taken": each.taken,
            "faults": scrub(each.faults),
            "added": scrub_text(each.added),
            "seed": each.seed,
            "cost_usd": each.cost_usd,
        }
        for number, each in enumerate(part.tries, 1)
    ]


def try_pictures(parts: Sequence[PartFacts], store: BlobStore) -> dict[str, bytes]:
    """The pictures' files, as they came.

    Raises:
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
    """
    return {
        try_file(part.slug, number): store.get(each.answer)
        for part in parts
        for number, each in enumerate(part.tries, 1)
    }


def tries_section(parts: Sequence[PartFacts], store: BlobStore) -> str:
    """The page's section on drawn pictures, HTML with all texts escaped; empty without any.

    Raises:
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
    """
    entries = [
        _entry(part.name, number, each, store)
        for part in parts
        for number, each in enumerate(part.tries, 1)
    ]
    if not entries:
        return ""
    every = [each for part in parts for each in part.tries]
    rejected = sum(not each.accepted for each in every)
    cost = wording.money(math.fsum(each.cost_usd for each in every))
    told = f"{wording.plural(len(every), 'picture')}, {rejected} rejected, {cost}"
    return (
        '<section aria-labelledby="tries-title"><h2 id="tries-title">Drawn by the model</h2>'
        f"<details><summary>{html.escape(told)}</summary>"
        f'<ul id="tries">{"".join(entries)}</ul></details></section>'
    )


def _entry(component: str, number: int, drawn: IsolationTry, store: BlobStore) -> str:
    state = "taken" if drawn.taken else "accepted" if drawn.accepted else "rejected"
    head = f"try {number}: {state}, score {drawn.score:.2f}, {wording.money(drawn.cost_usd)}"
    reasons = "; ".join(wording.told(scrub_text(fault), component) for fault in drawn.faults)
    name = html.escape(component)
    more = f"<br>{html.escape(reasons)}" if reasons else ""
    return (
        f'<li class="{state}"><img alt="{name}, try {number}" src="{_thumbnail(drawn, store)}">'
        f'<p dir="auto"><b>{name}</b>, {html.escape(head)}{more}</p></li>'
    )


def _thumbnail(drawn: IsolationTry, store: BlobStore) -> str:
    image = Image.fromarray(codecs.get_image(store, drawn.answer))
    image.thumbnail((_THUMB_PX, _THUMB_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=80, method=0)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
