"""How often the view that contradicts the others is found, and how often one is accused wrongly.

    python -m benchmarks.wrong_views OBJECTS [--sample 24]

OBJECTS is a folder of GLBs whose nodes are parts. Their views are true, bent, matted, or one of the
six is mirrored or taken of the next part of the sample. A mirrored view of a symmetric part
contradicts nothing: not all of them can be found.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.reconstruction import parts
from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.degradation import degrade
from mmpart_core.errors import MMPartError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.reconstruct.view_agreement import wrong_view

CONDITIONS = {
    "true": Condition(),
    "bent by 2 px": Condition(warp_px=2.0),
    "bent by 4 px": Condition(warp_px=4.0),
    "bent by 6 px": Condition(warp_px=6.0),
    "bent by 2 px, matted": Condition(warp_px=2.0, grey=True),
    "one of another part": Condition(wrong_view="other"),
    "one mirrored": Condition(wrong_view="mirrored"),
}
SLACK_PX = 1.5
SEED = 0


def measure(folder: Path, count: int) -> list[tuple[str, int, int, int]]:
    """For each condition: its name, parts with a wrong view, found ones, wrongly accused views."""
    chosen = parts.choose(parts.list_parts(folder)[0], parts.Choice(sample=count))
    cameras = Condition().training_cameras()
    known = []
    for part in chosen:
        scene = RenderScene([parts.load_part(folder, part)])
        shading = Condition().shading
        known.append(np.stack([scene.render(each, shading=shading).rgba for each in cameras]))
    rows: list[tuple[str, int, int, int]] = []
    for name, condition in CONDITIONS.items():
        wrong, found, accused = 0, 0, 0
        for index, (part, rgba) in enumerate(zip(chosen, known, strict=True)):
            other = known[(index + 1) % len(known)]
            given = degrade(rgba, other, condition, str(part), SEED)
            said = wrong_view(PosedViews(given, cameras), SLACK_PX)
            spoilt: int | None = None
            if condition.wrong_view != "none":
                spoilt = int((given != rgba).reshape(len(rgba), -1).any(axis=1).argmax())
                wrong += 1
            found += said is not None and said == spoilt
            accused += said is not None and said != spoilt
        rows.append((name, wrong, found, accused))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, default=24)
    given = parser.parse_args(arguments)
    try:
        rows = measure(given.folder, given.sample)
    except MMPartError as error:
        print(error, file=sys.stderr)
        return 2
    print("| views | wrong ones | found | accused wrongly |\n|---|---|---|---|")
    for name, wrong, found, accused in rows:
        print(f"| {name} | {wrong} | {found} | {accused} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
