"""The numbers of one training run, without anything heavy to import."""

from dataclasses import dataclass

METHOD_NAME = "mmpart-part"  # what nerfstudio calls the method


@dataclass(frozen=True)
class TrainingOptions:
    """How one part is trained; the back-end's Settings explain and bound every number.

    Attributes:
        steps: batches; 0 leaves the first shape.
        rays: rays per batch.
        samples: samples per ray.
        resolutions: corners along the longest side of the coarse and the fine grid.
        slack_px: by how many pixels masks are widened.
        register_views: views that disagree are bent onto what they have in common first.
        margin: room around the hull, object units.
        convex_start: start from the hull cut by ``supported_body`` instead of the whole hull.
        density_steps: batches of the density field that finds hollows; 0 for none.
        hollow: hollows that it finds less deep than this are left to training, object units.
        facets: what stands in front of flat faces without need is cut off first.
        recesses: hollows behind flat openings are cut out first.
        sdf_rate: learning rate of the distance grid.
        color_rate: learning rate of the colour grid.
        sharpness: inverse surface width at the first and the last step.
        thin_widths: below so many surface widths of thickness a part is trained sharper.
        mask_weight: weight of the mask loss.
        eikonal_weight: weight of the unit-gradient penalty.
        laplacian_weights: weight of the smoothness penalty at the first and the last step.
        carving_share: share of the steps that run on the coarse grid.
        carved: what carving moved by less goes back to the first shape, object units.
        color_smoothing: weight of the colour grid's total variation.
        device: ``cpu`` or ``cuda``.
    """

    steps: int
    rays: int
    samples: int
    resolutions: tuple[int, int]
    slack_px: float
    register_views: bool
    margin: float
    convex_start: bool
    density_steps: int
    hollow: float
    facets: bool
    recesses: bool
    sdf_rate: float
    color_rate: float
    sharpness: tuple[float, float]
    thin_widths: float
    mask_weight: float
    eikonal_weight: float
    laplacian_weights: tuple[float, float]
    carving_share: float
    carved: float
    color_smoothing: float
    device: str
