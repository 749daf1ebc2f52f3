"""Placement where the whole object's views are known: all pictures together."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble import album, composition, eyes, outline_fit, reshape
from mmpart_core.assemble.album import Album, Desk
from mmpart_core.assemble.composition import Composition
from mmpart_core.assemble.facets import Facets
from mmpart_core.assemble.input_camera import InputPose, fov_of
from mmpart_core.assemble.joint_search import Axes, JointSearch
from mmpart_core.assemble.outline_fit import OutlinePart
from mmpart_core.assemble.protocol import AssemblyTask
from mmpart_core.assemble.relations import Relations, relations_of
from mmpart_core.assemble.reshape import Freedom, Reshaping
from mmpart_core.assemble.twins import twins_of
from mmpart_core.assemble.witnesses import Witnesses, make_witnesses
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import Camera

# Halvings of the steps of the input camera; by hand.
_INPUT_HALVINGS = 5
# Logarithm of how many times nearer or farther the camera may stand than assumed: for 30 degrees,
# fields of view from 13 to 63. So many are tried to see which fit about as well as the best: those
# of a cost that near it, of the way to the median.
_FARTHEST, _LENSES, _NEARLY = 0.83, 25, 0.1
_EVERY = 2  # of the depths are tried among other parts
_RESHAPINGS = 2
_TRIED = 2  # local minima of depth that are refined
# Depth, logarithm of scale, right and up, in the first refinement.
_FINE_STEPS = np.array([0.02, 0.01, 0.01, 0.01])


@dataclass(frozen=True)
class SearchPlan:
    """How thoroughly the search looks.

    Attributes:
        coarse_px: side of the pictures that depths are tried in.
        fine_px: side of those of the refinement.
        sweeps: searches of all depths.
        fine_sweeps: refinements.
        reach: how far from the object's middle a part may be, object units.
        steps: depths that are tried.
        free: names of ``InputPose`` that are searched, with their steps.
        threads: that draw at a time; nothing depends on it but time.
        related: parts in contact, apart and of one size are kept so where pictures allow it.
        seed: of the points that parts are felt with.
        freedom: how far a part may be turned and stretched.
    """

    coarse_px: int
    fine_px: int
    sweeps: int
    fine_sweeps: int
    reach: float
    steps: int
    free: dict[str, float]
    threads: int = 1
    related: bool = True
    seed: int = 0
    freedom: Freedom = field(default_factory=Freedom)


@dataclass(frozen=True)
class Witnessed:
    """Parts placed by all pictures.

    Attributes:
        poses: scale and centre of each, in the frame of the whole object's views.
        input_pose: the input camera in that frame.
        spread: per part, how far apart depths of nearly the same energy lie, object units.
        overlap: of the parts' outline with the views', IoU, mean over views.
        shapes: of each, what it was turned and stretched by.
        fov_spread_deg: how far apart fields of view of the input camera lie that fit about as well;
            None where it was not searched.
        undone: parts that are left at their first guess, which the pictures like better.
    """

    poses: Float[np.ndarray, "K 4"]
    input_pose: InputPose
    spread: tuple[float, ...]
    overlap: float
    shapes: tuple[Reshaping, ...]
    undone: frozenset[int]
    fov_spread_deg: float | None


class WitnessedPlacement:
    """One run of the search.

    Args:
        task: pictures and masks.
        views: of the whole object.
        outlines: the parts with their isolated images.
        start: the input camera to begin with.
        weights: of each isolated image.
        plan: how thoroughly.
    """

    def __init__(
        self,
        task: AssemblyTask,
        views: PosedViews,
        outlines: Sequence[OutlinePart],
        start: InputPose,
        weights: Sequence[float],
        plan: SearchPlan,
    ) -> None:
        self._task, self._views = task, views
        self._outlines, self._plan = outlines, plan
        self._input, self._weights = start, weights
        self._order = sorted(range(len(outlines)), key=lambda i: -_area(outlines[i]))
        self._spread = [0.0] * len(outlines)
        self._gains = np.ones((len(outlines), len(views.cameras) + 2))
        self._executor: Executor | None = None
        self._relations: Relations | None = None
        self._shapes = [Reshaping()] * len(outlines)

    def run(self) -> Witnessed | None:
        """Search; None where the source shows nothing."""
        with album.workers(self._plan.threads) as self._executor:
            return self._run()

    def _run(self) -> Witnessed | None:
        plan = self._plan
        coarse = self._witnesses(plan.coarse_px, [part.coarse for part in self._outlines])
        fine = self._witnesses(plan.fine_px, [part.facets for part in self._outlines])
        if coarse is None or fine is None:
            return None
        offsets = np.linspace(-plan.reach, plan.reach, plan.steps)
        poses = self._alone(coarse, self._input.camera(self._task.camera), offsets)
        first = poses.copy()
        self._measure_gains(self._search(coarse, poses).composition)
        for _ in range(plan.sweeps):
            search = self._search(coarse, poses)
            for index in self._order:
                search.scan(index, offsets[::_EVERY], _TRIED)
            poses = search.composition.poses
            self._find_input(search.composition, coarse)
            self._measure_gains(search.composition)
        self._relations = self._related(poses) if plan.related else None
        for sweep in range(plan.fine_sweeps):
            search = self._search(fine, poses)
            for index in self._order:
                search.refine(index, _FINE_STEPS * 0.4**sweep)
            poses = search.composition.poses
            self._find_input(search.composition, fine)
        if plan.freedom.any:
            poses = self._reshape(fine, poses)
        made = self._search(fine, poses).composition
        undone = tuple(_undo_if_worse(made, index, first[index]) for index in self._order)
        kept = frozenset(index for index, back in zip(self._order, undone, strict=True) if back)
        return Witnessed(
            made.poses, self._input, tuple(self._spread), made.overlap(), tuple(self._shapes), kept,
            self._fov_spread(made, fine) if "log_distance" in plan.free else None,
        )  # fmt: skip

    def _witnesses(self, size_px: int, parts: list[Facets]) -> Witnesses | None:
        return make_witnesses(self._task, self._views, size_px, self._weights, parts)

    def _search(self, pictures: Witnesses, poses: Float[np.ndarray, "K 4"]) -> JointSearch:
        camera = self._input.camera(self._task.camera)
        shared, own = pictures.seen(camera)
        made = Composition(
            pictures.parts, shared, own, poses.copy(), self._gains,
            self._plan.threads, self._executor, self._relations,
        )  # fmt: skip
        return JointSearch(made, Axes.of(camera), self._spread)

    def _reshape(
        self, fine: Witnesses, poses: Float[np.ndarray, "K 4"]
    ) -> Float[np.ndarray, "K 4"]:
        """Turn and stretch every part among the others, and place it anew."""
        plan = self._plan
        for _ in range(_RESHAPINGS):
            search = self._search(fine, poses)
            for index in self._order:
                whole = self._outlines[index].facets
                self._shapes[index] = reshape.search(
                    search.composition, index, whole, self._shapes[index], plan.freedom
                )
                fine.parts[index] = search.composition.parts[index]
                if self._relations is not None:
                    felt = self._shapes[index].applied(self._outlines[index].coarse)
                    self._relations = self._relations.reshaped(index, felt, plan.seed)
                    search.composition.relations = self._relations
                search.refine(index, 0.4 * _FINE_STEPS)
            poses = search.composition.poses
        return poses

    def _related(self, poses: Float[np.ndarray, "K 4"]) -> Relations:
        parts = [part.coarse for part in self._outlines]
        twins = twins_of([part.mesh for part in self._task.parts], self._plan.seed)
        said = self._task.touching or frozenset()
        return relations_of(parts, poses, said, twins, self._plan.seed)

    def _desk(self, pixels: int) -> Desk:
        vertices = max(part.coarse.vertices.shape[1] for part in self._outlines)
        return Desk(pixels, vertices, self._plan.threads, self._executor)

    def _alone(
        self, pictures: Witnesses, camera: Camera, offsets: Float[np.ndarray, "D"]
    ) -> Float[np.ndarray, "K 4"]:
        """Each part at the depth that agrees best with the views, whatever the others do."""
        depth = eyes.eye_distance(camera)
        axes = Axes.of(camera)
        found: list[Float[np.ndarray, "4"]] = []
        views = Album.of(pictures.views)
        source = Album.of([pictures.source.seen_by(camera)])
        desk = self._desk(max(views.largest_px, source.largest_px))
        for index, part in enumerate(self._outlines):
            fitted = outline_fit.fit_part(part, camera, depth)
            pose = outline_fit.frame_pose(fitted.pose, camera)
            gain = outline_fit.measured_gain(part.coarse, source, 0, pose, desk.rooms[0], index)
            self._gains[index, :-1], self._gains[index, -1] = gain, fitted.gain
            poses = np.stack([axes.slid(pose, float(offset)) for offset in offsets])
            profile = composition.mean_costs(
                part.coarse, views, desk, poses, self._gains[index, 1:-1]
            )
            found.append(poses[int(np.argmin(profile))])
        return np.stack(found)

    def _measure_gains(self, made: Composition) -> None:
        """Light of each view: the middle of what its parts say; of each part: the source's."""
        count = len(made.parts)
        ratio = np.ones((count, len(made.shared)))
        weight = np.zeros((count, len(made.shared)))
        for index, part in enumerate(made.parts):
            nearest = made.others(index).behind[0]
            for number in range(len(made.shared)):
                ratio[index, number] = outline_fit.measured_gain(
                    part, made.album, number, made.poses[index], made.desk.rooms[0], index, nearest
                )
            weight[index] = _area(self._outlines[index])
        own = ratio[:, 0]
        view = [_weighted_median(ratio[:, n] / own, weight[:, n]) for n in range(ratio.shape[1])]
        view[0] = 1.0
        self._gains[:, :-1] = np.clip(own[:, None] * np.array(view), 0.4, 2.5)

    def _find_input(self, made: Composition, pictures: Witnesses) -> None:
        """The input camera, all parts held: what the source and the isolated images say."""
        best, least = self._input, self._input_cost(made, pictures, self._input)
        steps = dict(self._plan.free)
        for _ in range(_INPUT_HALVINGS):
            for name in steps:
                for sign in (1.0, -1.0):
                    while True:
                        trial = best.changed(name, sign * steps[name])
                        value = self._input_cost(made, pictures, trial)
                        if value >= least:
                            break
                        best, least = trial, value
            steps = {name: step / 2.0 for name, step in steps.items()}
        self._input = best

    def _fov_spread(self, made: Composition, pictures: Witnesses) -> float:
        """How far apart fields of view lie whose cost is near the least, degrees."""
        steps = np.linspace(-_FARTHEST, _FARTHEST, _LENSES)
        poses = [replace(self._input, log_distance=float(step)) for step in steps]
        costs = np.array([self._input_cost(made, pictures, pose) for pose in poses])
        least = self._input_cost(made, pictures, self._input)
        close = costs <= least + _NEARLY * (np.median(costs) - least)
        fovs = [fov_of(pose.lens(self._task.camera)) for pose in poses]
        return float(np.ptp(np.array(fovs)[close])) if close.any() else 0.0

    def _input_cost(self, made: Composition, pictures: Witnesses, pose: InputPose) -> float:
        if abs(pose.elevation_deg) > 85.0 or abs(pose.log_distance) > _FARTHEST:
            return np.inf
        camera = pose.camera(self._task.camera)
        made.move_eye(0, pictures.source.seen_by(camera))
        return made.shared_cost(0)


def _undo_if_worse(made: Composition, index: int, first: Float[np.ndarray, "4"]) -> bool:
    """Put a part back to its first guess where all pictures together like that better."""
    others = made.others(index)
    present, guessed = made.energies(index, np.stack([made.poses[index], first]), others)
    if guessed >= present:
        return False
    made.place(index, first)
    return True


def _area(part: OutlinePart) -> float:
    return float((part.eye.outside == 0.0).sum()) * part.eye.area


def _weighted_median(values: Float[np.ndarray, "K"], weights: Float[np.ndarray, "K"]) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(share, share[-1] / 2.0))])
