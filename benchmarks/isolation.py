"""The regions isolator against known parts: what is seen, what is hidden, and its colours.

    python -m benchmarks.isolation [FOLDER] [--limit N] [--only NAME]

Run from the repository's root. First the five examples with and without region hints: their
models are procedural, so the true masks are known. With FOLDER, every GLB in it is drawn at azimuth
30 degrees and isolated from the boxes around its parts' visible pixels (1 % wider), beside the
plain alternative: the foreground in the box. Parts seen on less than 2 % of the object are not
scored.

Per part: IoU of visible pixels; IoU of the completed silhouette with the part drawn alone; the
same if nothing is completed; PSNR of the colours where completed and true silhouette are hidden.
"""

import argparse
import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from evaluation.functional import psnr
from examples import studio
from examples.make_examples import EXAMPLES
from mmpart_core import stages
from mmpart_core.config import BackendChoice
from mmpart_core.errors import MMPartError
from mmpart_core.geometry import bounds, cameras, truth_scene
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.intake.components import read_components
from mmpart_core.intake.request import build_request
from mmpart_core.intake.truth import request_from_truth
from mmpart_core.records import Camera, InputView, ObjectRequest, PartPlan, Region
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

FOLDER = Path(__file__).parents[1] / "examples"
AZIMUTH_DEG = 30.0
BOX_PAD = 0.01
LEAST_SHARE = 0.02


@dataclass
class Truth:
    """What is known of a scene.

    Attributes:
        meshes: part per name, in the camera's frame.
        camera: of the picture.
        floor: height of the ground, for pictures lit by the studio; None for bare colours.
    """

    meshes: Mapping[str, TriangleMesh]
    camera: Camera
    floor: float | None = None

    def visible(self) -> dict[str, np.ndarray]:
        """Where each part is seen."""
        ids = RenderScene(list(self.meshes.values())).ids(self.camera)
        return {name: ids == index for index, name in enumerate(self.meshes)}

    def alone(self, name: str) -> np.ndarray:
        """RGBA of a part without the others, as the picture would show it."""
        mesh = self.meshes[name]
        if self.floor is None:
            return RenderScene([mesh]).render(self.camera).rgba
        lit = studio.lit_mesh(mesh, RenderScene([mesh]), self.camera, self.floor)
        rgba = RenderScene([lit]).render(self.camera, shading=0.75).rgba
        rgba[..., :3] = np.rint(studio.exposed(rgba[..., :3]))
        return rgba


@dataclass
class Score:
    """One part's figures; NaN where there is nothing to compare."""

    part: str
    visible: float = 0.0
    whole: float = 0.0
    uncompleted: float = 0.0
    psnr: float = float("nan")
    naive: float = float("nan")
    note: str = ""


def iou(left: np.ndarray, right: np.ndarray) -> float:
    """Intersection over union of two masks, one of them not empty."""
    return float((left & right).sum() / max(int((left | right).sum()), 1))


def example_truth(name: str) -> Truth:
    """The model of an example as ``studio.photograph`` places it."""
    example = EXAMPLES[name]
    parts = example.build()
    used = np.concatenate([mesh.vertices for mesh in parts.values()])
    inverse = np.linalg.inv(bounds.points_from_unit(used))
    meshes = {part: mesh.transformed(inverse) for part, mesh in parts.items()}
    camera = cameras.orbit_camera(
        example.azimuth_deg, example.elevation_deg, studio.FOV_DEG, studio.SIZE_PX
    )
    camera = camera.model_copy(update={"focal_px": camera.focal_px * studio.FRAME_SHARE})
    floor = min(float(mesh.vertices[:, 2].min()) for mesh in meshes.values())
    return Truth(meshes, camera, floor)


def example_request(name: str, store: MemoryStore, *, hints: bool) -> ObjectRequest:
    """An example as a user would give it."""
    listed = "components.yaml" if hints else "components-nohints.yaml"
    components = read_components(FOLDER / name / listed)
    return build_request(FOLDER / name / "image.png", components, store=store)


def object_case(path: Path, store: MemoryStore) -> tuple[ObjectRequest, Truth]:
    """A known GLB with a box around what is seen of each part."""
    request = request_from_truth(path, view=InputView(azimuth_deg=AZIMUTH_DEG), store=store)
    geometry = truth_scene.load_truth(store, request.truth)
    if geometry is None:
        raise SystemExit(f"{path}: no known scene")
    view = request.view
    camera = cameras.orbit_camera(
        view.azimuth_deg, view.elevation_deg, view.fov_deg, request.image.width
    )
    truth = Truth(geometry.parts, camera)
    boxes = {name: region_box(mask) for name, mask in truth.visible().items() if mask.any()}
    components = tuple(
        each.model_copy(update={"region": boxes[each.name]})
        for each in request.components
        if each.name in boxes
    )
    return request.model_copy(update={"components": components, "truth": None}), truth


def region_box(mask: np.ndarray) -> Region:
    """A box around a mask, a little wider, as a planner or a user gives it."""
    size = np.array([mask.shape[1], mask.shape[0]])
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    low = np.array([columns[0], rows[0]]) / size - BOX_PAD
    high = np.array([columns[-1] + 1, rows[-1] + 1]) / size + BOX_PAD
    left, top, right, bottom = np.clip(np.concatenate([low, high]), 0.0, 1.0).tolist()
    return Region(kind="box", box=(left, top, right, bottom))


def score_request(
    request: ObjectRequest, truth: Truth, store: MemoryStore
) -> tuple[float, list[Score]]:
    """IoU of the foreground, and the figures of each part that is seen well enough."""
    plan = stages.run_stage("plan", {"request": request}, BackendChoice(kind="template"), store, 0)
    foreground = codecs.get_mask(store, plan.foreground)
    visible = truth.visible()
    whole = np.any(list(visible.values()), axis=0)
    scores = [
        _score_part(request, plan, index, truth, visible[component.name], store)
        for index, component in enumerate(request.components)
        if visible[component.name].sum() >= LEAST_SHARE * whole.sum()
    ]
    return iou(foreground, whole), scores


def _score_part(
    request: ObjectRequest,
    plan: PartPlan,
    index: int,
    truth: Truth,
    visible: np.ndarray,
    store: MemoryStore,
) -> Score:
    component, prompt = request.components[index], plan.prompts[index]
    drawn = truth.alone(component.name)
    alone = drawn[..., 3] >= 128
    score = Score(component.name, uncompleted=iou(visible, alone))
    if component.region is not None and component.region.box is not None:
        score.naive = iou(
            _in_box(codecs.get_mask(store, plan.foreground), component.region), visible
        )
    try:
        isolated = stages.run_stage(
            "isolate",
            {"image": request.image, "prompt": prompt},
            BackendChoice(kind="regions"),
            store,
            0,
        )
    except MMPartError as error:
        score.note = str(error)
        return score
    seen, imagined = (codecs.get_mask(store, ref) for ref in (isolated.visible, isolated.imagined))
    score.visible, score.whole = iou(seen, visible), iou(seen | imagined, alone)
    both = imagined & alone
    if both.sum() > 50:
        rgba = codecs.get_image(store, isolated.rgba)
        score.psnr = psnr(rgba[..., :3] / 255.0, drawn[..., :3] / 255.0, both)
    return score


def _in_box(mask: np.ndarray, region: Region) -> np.ndarray:
    height, width = mask.shape
    left, top, right, bottom = region.box or (0.0, 0.0, 1.0, 1.0)
    cut = np.zeros_like(mask)
    window = (slice(round(top * height), round(bottom * height)),
              slice(round(left * width), round(right * width)))  # fmt: skip
    cut[window] = mask[window]
    return cut


def report(title: str, results: Mapping[str, tuple[float, list[Score]]]) -> None:
    """Print a table and its means."""
    print(f"\n{title}\n{'':24}{'part':16} visible   whole (none)   PSNR   box")
    for name, (foreground, scores) in results.items():
        print(f"{name[:23]:24}{'foreground':16} {foreground:7.3f}")
        for s in scores:
            print(
                f"{'':24}{s.part[:15]:16} {s.visible:7.3f} {s.whole:7.3f} ({s.uncompleted:.3f})"
                f"{s.psnr:7.1f} {s.naive:6.3f} {s.note[:60]}"
            )
    scores = [score for _, each in results.values() for score in each]

    def mean(column: str) -> float:
        values = [getattr(score, column) for score in scores]
        return statistics.fmean([value for value in values if value == value] or [float("nan")])

    print(
        f"mean: foreground {statistics.fmean(f for f, _ in results.values()):.3f}, visible "
        f"{mean('visible'):.3f} (lowest {min(s.visible for s in scores):.3f}), whole "
        f"{mean('whole'):.3f} (nothing completed {mean('uncompleted'):.3f}), PSNR "
        f"{mean('psnr'):.1f} dB, box and foreground {mean('naive'):.3f}; {len(scores)} parts"
    )


def main() -> None:
    """Score the examples, then the objects of a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--only", choices=sorted(EXAMPLES), action="append")
    options = parser.parse_args()
    for hints in (True, False):
        results = {}
        for name in options.only or EXAMPLES:
            store = MemoryStore()
            request = example_request(name, store, hints=hints)
            results[name] = score_request(request, example_truth(name), store)
        report(f"examples {'with' if hints else 'without'} hints", results)
    if options.folder is not None:
        results = {}
        for path in sorted(options.folder.glob("*.glb"))[: options.limit]:
            store = MemoryStore()
            results[path.stem] = score_request(*object_case(path, store), store)
        report(f"objects of {options.folder}, boxes", results)


if __name__ == "__main__":
    main()
