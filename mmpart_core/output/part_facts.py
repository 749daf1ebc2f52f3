"""Everything known about one component of a result, gathered in one place."""

from dataclasses import dataclass
from typing import Any, Literal

from mmpart_core.backends import STAGES
from mmpart_core.output import naming
from mmpart_core.records import (
    ComponentRequest,
    IsolationTry,
    ObjectResult,
    PartFailure,
    PartPrompt,
    PartResult,
    Placement,
    StageRun,
)

PartState = Literal["made", "failed", "not_made"]

# Overlap (IoU) of a placed part's visible outline with its pixels in the image, below which the
# user is told. Of 95 parts that the 'local' profile made of photographs and drawings, 89 have 0.85
# or more and 6 have 0.79 or less: these are sunk into a part that the image shows behind them, or
# cover one. Of 180 parts of known scenes 12 lie below 0.8: covered in the same way, too thin for
# their views, or seen with a few pixels only.
LEAST_SILHOUETTE_IOU = 0.8


@dataclass(frozen=True)
class PartFacts:
    """One component: what was asked, what came of it.

    Attributes:
        request: as the user asked for it.
        slug: its file name without ending.
        prompt: None when planning failed.
        result: None when the part was not made.
        placement: None when the part was not placed.
        failure: why it was not made, when a stage of its own failed.
        runs: its own stages in this run, in order.
        shared_runs: the stages it shares with all parts (plan, assemble), as far as they were done.
        planner: kind and version of what wrote its prompt; empty when planning failed.
    """

    request: ComponentRequest
    slug: str
    prompt: PartPrompt | None
    result: PartResult | None
    placement: Placement | None
    failure: PartFailure | None
    runs: tuple[StageRun, ...]
    shared_runs: tuple[StageRun, ...] = ()
    planner: str = ""

    @property
    def name(self) -> str:
        """The component's name."""
        return self.request.name

    @property
    def state(self) -> PartState:
        """``made``, ``failed``, or ``not_made`` where an earlier stage stopped everything."""
        if self.result is not None:
            return "made"
        return "failed" if self.failure is not None else "not_made"

    @property
    def tries(self) -> tuple[IsolationTry, ...]:
        """The pictures that a model drew of it, in order, also where none was accepted."""
        if self.result is not None:
            return self.result.isolated.tries
        return self.failure.tries if self.failure is not None else ()

    @property
    def fits_image(self) -> bool | None:
        """Whether the placed part agrees with the image; None where this was not measured.

        Two digits count, as everywhere that the overlap is shown.
        """
        if self.placement is None or self.placement.silhouette_iou is None:
            return None
        return round(self.placement.silhouette_iou, 2) >= LEAST_SILHOUETTE_IOU

    def warnings(self) -> list[tuple[str, str]]:
        """Stage and text of every warning about this part."""
        found: list[tuple[str, str]] = []
        if self.result is not None:
            found += [("isolate", text) for text in self.result.isolated.warnings]
            found += [("reconstruct", text) for text in self.result.field.warnings]
            found += [("mesh", text) for text in self.result.mesh.warnings]
        if self.placement is not None:
            found += [("assemble", text) for text in self.placement.warnings]
            if self.fits_image is False:
                found.append(("assemble", self._fit_warning(self.placement)))
        return found

    def _fit_warning(self, placement: Placement) -> str:
        return (
            f"part {self.name!r}: fits the image badly: its outline and its pixels in the image "
            f"overlap by {placement.silhouette_iou:.2f} (IoU), at least "
            f"{LEAST_SILHOUETTE_IOU:.2f} expected; another part covers it or is covered by it, or "
            "its shape or place is wrong; compare both in sheet.png"
        )

    def digests(self) -> dict[str, Any]:
        """SHA-256 of every artifact of the part, by what it is."""
        if self.result is None:
            return {}
        result = self.result
        return {
            "isolated": result.isolated.rgba.sha256,
            "visible": result.isolated.visible.sha256,
            "imagined": result.isolated.imagined.sha256,
            "views": [view.image.sha256 for view in result.views.views],
            "field": result.field.checkpoint.sha256,
            "mesh": result.mesh.mesh.sha256,
        }

    def placement_facts(self) -> dict[str, Any] | None:
        """Where the part stands: matrix (row by row, +Z-up world), scale, method, IoU."""
        if self.placement is None:
            return None
        return {
            "world_from_part": [list(row) for row in self.placement.world_from_part],
            "scale": self.placement.scale,
            "silhouette_iou": self.placement.silhouette_iou,
            "method": self.placement.method,
            "depth_uncertainty": self.placement.depth_uncertainty,
            "color_error": self.placement.color_error,
            "imagined": self.placement.imagined,
            "stretch": self.placement.stretch and list(self.placement.stretch),
            "color_gain": self.placement.color_gain and list(self.placement.color_gain),
        }

    def mesh_facts(self) -> dict[str, Any] | None:
        """Counts and measures of the surface, in the part's own frame."""
        if self.result is None:
            return None
        mesh = self.result.mesh
        return {
            "faces": mesh.mesh.faces,
            "vertices": mesh.mesh.vertices,
            "watertight": mesh.watertight,
            "bodies": mesh.bodies,
            "area": mesh.area,
            "volume": mesh.volume,
            "method": mesh.method,
        }

    def extras(self) -> dict[str, Any]:
        """What the part's node in every GLB carries along: all it was made of and by."""
        runs = sorted([*self.shared_runs, *self.runs], key=lambda run: STAGES.index(run.stage))
        # A plan that was approved and given back was not run, but it was written by something.
        planned = {"plan": self.planner} if self.planner else {}
        return {
            "component": self.name,
            "prompt": self.prompt.prompt if self.prompt else "",
            "hidden": self.request.hidden,
            "count": self.request.count,
            "seeds": {run.stage: run.seed for run in runs},
            "backends": planned | {run.stage: run.backend for run in runs},
            "digests": self.digests(),
            "mesh": self.mesh_facts(),
            "placement": self.placement_facts(),
        }


def gather_parts(result: ObjectResult) -> tuple[PartFacts, ...]:
    """One entry per requested component, in the request's order, made or not."""
    slugs = naming.part_slugs([component.name for component in result.request.components])
    made = {part.component: part for part in result.parts}
    failed = {failure.component: failure for failure in result.failures}
    prompts = {prompt.component: prompt for prompt in (result.plan.prompts if result.plan else ())}
    placements = result.assembled.placements if result.assembled else ()
    placed = {placement.component: placement for placement in placements}
    shared = tuple(
        run
        for run in result.runs
        if run.component is None and run.stage in ("plan", "assemble") and not run.failed
    )
    return tuple(
        PartFacts(
            request=component,
            slug=slugs[component.name],
            prompt=prompts.get(component.name),
            result=made.get(component.name),
            placement=placed.get(component.name),
            failure=failed.get(component.name),
            runs=tuple(run for run in result.runs if run.component == component.name),
            shared_runs=shared,
            planner=result.plan.planner if result.plan else "",
        )
        for component in result.request.components
    )
