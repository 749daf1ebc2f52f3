"""Settings of the nerfstudio back-end, and the presets that fill them in."""

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from mmpart_core.backends import BackendSettings
from mmpart_core.devices import has_cuda
from mmpart_core.errors import ConfigError
from mmpart_core.reconstruct.options import TrainingOptions

# 'cpu' is the fields' own defaults (docs/decisions/0006-training-schedule.md). 'gpu' scales them up
# by guess: its results have not been compared with those of 'cpu'.
PRESETS: dict[str, dict[str, Any]] = {
    "preview": {"steps": 0, "density_steps": 0, "resolution": 96},
    "cpu": {},
    "gpu": {
        "steps": 2000,
        "rays": 8192,
        "samples": 64,
        "coarse_resolution": 64,
        "resolution": 192,
    },
    # Steps, rays and samples of nerfstudio's method of this name.
    "nerfacto": {
        "model": "nerfacto",
        "steps": 30_000,
        "rays": 4096,
        "samples": 48,
        "resolution": 192,
    },
}


class Settings(BackendSettings):
    """How a part's field is trained; fields not given take the preset's values."""

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        "device": "the same computation up to rounding, wherever it runs",
        "threads": "the same computation up to the order of sums",
        "preset": "only fills in other fields, which enter the key themselves",
    }

    preset: Literal["auto", "cpu", "gpu", "preview", "nerfacto"] = Field(
        default="auto",
        description="Defaults of the other fields: 'cpu' takes seconds per part on one core, "
        "'gpu' is finer, 'preview' is the first shape with projected colours, untrained, "
        "'nerfacto' is nerfstudio's own model, on CUDA only; 'auto' takes 'gpu' where the machine "
        "that reads the settings has CUDA, else 'cpu'.",
    )
    model: Literal["voxel", "nerfacto"] = Field(
        default="voxel",
        description="What is trained: 'voxel' is a grid of signed distance within the visual hull, "
        "'nerfacto' nerfstudio's density field, whose surface is the level that fits the masks; it "
        "reads steps, rays, samples, resolution, slack_px and margin, and trains on CUDA only.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where training runs; 'auto' takes CUDA when there is one."
    )
    threads: int = Field(
        default=1,
        ge=0,
        le=64,
        description="CPU threads of torch per part; 1 is best when parts run side by side, 0 "
        "leaves torch's own choice.",
    )
    steps: int = Field(
        default=400,
        ge=0,
        le=50_000,
        description="Batches to train on; 0 for the first shape alone.",
    )
    rays: int = Field(default=1536, ge=64, le=65_536, description="Rays per batch.")
    samples: int = Field(default=40, ge=8, le=512, description="Samples along each ray.")
    carving_share: float = Field(
        default=0.25,
        gt=0.0,
        lt=1.0,
        description="Share of the steps that carve, on a coarse grid; the others refine.",
    )
    coarse_resolution: int = Field(
        default=48,
        ge=16,
        le=512,
        description="Grid corners along the longest side while carving.",
    )
    resolution: int = Field(
        default=112,
        ge=16,
        le=512,
        description="Grid corners along the longest side after carving and in the result.",
    )
    slack_px: float = Field(
        default=1.5,
        ge=0.0,
        le=16.0,
        description="By how many pixels the masks are widened before the hull is formed; raise "
        "it when views disagree.",
    )
    register_views: bool = Field(
        default=True,
        description="Views that leave part of each other's foreground without a place are bent "
        "onto what they have in common before training, smoothly and by some pixels, where they "
        "then agree better; the texture is painted from the bent ones.",
    )
    margin: float = Field(
        default=0.02,
        ge=0.0,
        le=0.5,
        description="Room around the hull in the grid, in part units; two spacings at least.",
    )
    start: Literal["convex", "hull"] = Field(
        default="convex",
        description="Where training starts: 'convex' is the visual hull cut by the smallest convex "
        "body that the outlines ask for, which has flat faces where the hull has phantom corners; "
        "'hull' is the whole hull. Training may grow back to the hull where colours ask for it.",
    )
    density_steps: int = Field(
        default=300,
        ge=0,
        le=5_000,
        description="Batches of a coarse density field that looks for hollows before the distance "
        "grid is trained; 0 leaves them to carving. Runs on the CPU, a hundred a second.",
    )
    hollow_threshold: float = Field(
        default=0.05,
        ge=0.0,
        le=1.0,
        description="Hollows that the density field finds are kept where they are at least this "
        "deep, in part units; deeper where the views' colours disagree.",
    )
    facets: bool = Field(
        default=True,
        description="What the convex start has in front of flat faces, as between a box and its "
        "handle, is cut off before training where no outline needs it; needs density_steps, and "
        "views whose colours agree.",
    )
    recesses: bool = Field(
        default=True,
        description="Flat openings through which the views see something deeper, as those of boxes "
        "and drawers, are cut out before training, as deep as the views show; needs density_steps, "
        "and views whose colours agree.",
    )
    sdf_learning_rate: float = Field(
        default=1e-2,
        gt=0.0,
        le=1.0,
        description="Learning rate of the distance grid, in part units; falls to a 25th.",
    )
    color_learning_rate: float = Field(
        default=5e-2, gt=0.0, le=1.0, description="The same of the colour grid; falls to a tenth."
    )
    first_sharpness: float = Field(
        default=50.0,
        gt=0.0,
        le=1e4,
        description="Inverse surface width at the start; a low value carves concavities, but "
        "swells sheets that are only a few widths thick.",
    )
    last_sharpness: float = Field(
        default=1500.0, gt=0.0, le=1e5, description="Inverse surface width at the end."
    )
    thin_widths: float = Field(
        default=24.0,
        ge=0.0,
        description="A part that is at its thickest place thinner than so many surface widths is "
        "trained sharper, up to four times at the start and twice at the end; 0 for never.",
    )
    mask_weight: float = Field(default=0.2, ge=0.0, description="Weight of the mask loss.")
    eikonal_weight: float = Field(
        default=0.01, ge=0.0, description="Weight of the pull towards unit gradients of distance."
    )
    first_laplacian_weight: float = Field(
        default=0.0005,
        gt=0.0,
        description="Weight of the pull towards a smooth surface at the start, when concavities "
        "are carved.",
    )
    last_laplacian_weight: float = Field(
        default=0.05,
        gt=0.0,
        description="The same at the end, when what is left is noise. Where the views' colours "
        "disagree, as a generator's do, it is raised by up to 40 times by itself.",
    )
    carve_threshold: float = Field(
        default=0.025,
        ge=0.0,
        le=1.0,
        description="Where carving moved the surface by less than this, in part units, refinement "
        "begins with the first shape again, which has flat faces and sharp edges right; what "
        "training grew beyond it by less is undone at the end, where views agree; 0 keeps all.",
    )
    color_smoothing: float = Field(
        default=0.06, ge=0.0, description="Weight of the total variation of colour."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        preset = values.get("preset", "auto")
        if preset == "auto":
            preset = _chosen_preset(values)
        if not isinstance(preset, str):
            return values
        return {**PRESETS.get(preset, {}), **values, "preset": preset}

    @model_validator(mode="after")
    def _nerfacto_is_trained(self) -> "Settings":
        if self.model == "nerfacto" and self.steps == 0:
            raise ValueError(
                "model 'nerfacto' has no shape to start from: expected steps of at least 1, got 0; "
                "use model 'voxel' for the untrained shape"
            )
        return self

    def check_machine(self, stage: str) -> None:
        """Refuse a device that is not there, and nerfacto without CUDA.

        Raises:
            ConfigError: either.
            MissingDependencyError: torch does not import.
        """
        if self.model == "nerfacto" and (self.device == "cpu" or not has_cuda()):
            came = f"{stage}.device is cpu" if self.device == "cpu" else "torch finds none here"
            raise ConfigError(
                f"{stage}.model 'nerfacto': expected a CUDA device, as a part would take days on a "
                f"CPU, but {came}; use {stage}.preset=cpu, or a machine with CUDA"
            )
        super().check_machine(stage)


def _chosen_preset(values: dict[str, Any]) -> str:
    """What 'auto' stands for, by the fields that are given."""
    if values.get("model") == "nerfacto":
        return "nerfacto"
    device = values.get("device", "auto")
    return "gpu" if device == "cuda" or (device == "auto" and has_cuda()) else "cpu"


def training_options(given: Settings, device: str) -> TrainingOptions:
    """The settings as the training code takes them.

    Args:
        given: the settings.
        device: ``cpu`` or ``cuda``, as found.
    """
    return TrainingOptions(
        steps=given.steps,
        rays=given.rays,
        samples=given.samples,
        resolutions=(given.coarse_resolution, given.resolution),
        slack_px=given.slack_px,
        register_views=given.register_views,
        margin=given.margin,
        convex_start=given.start == "convex",
        density_steps=given.density_steps,
        hollow=given.hollow_threshold,
        facets=given.facets,
        recesses=given.recesses,
        sdf_rate=given.sdf_learning_rate,
        color_rate=given.color_learning_rate,
        sharpness=(given.first_sharpness, given.last_sharpness),
        thin_widths=given.thin_widths,
        mask_weight=given.mask_weight,
        eikonal_weight=given.eikonal_weight,
        laplacian_weights=(given.first_laplacian_weight, given.last_laplacian_weight),
        carving_share=given.carving_share,
        carved=given.carve_threshold,
        color_smoothing=given.color_smoothing,
        device=device,
    )
