"""Settings of Zero123++: which weights, how they draw, and what must be on this machine."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.errors import ConfigError, MissingDependencyError
from mmpart_core.geometry.cameras import Zero123PlusVersion

NOT_COMMERCIAL = (
    "CC-BY-NC-4.0 (README of SUDO-AI-3D/zero123plus): not for commercial products; outputs are "
    "free to use"
)
_FINE_TUNE = (
    "a fine-tune of Zero123++ v1.2, so treat as CC-BY-NC-4.0: not for commercial products; the "
    "repository of InstantMesh itself is Apache-2.0"
)
LICENSES = {
    "zero123plus-v1.1": f"{NOT_COMMERCIAL}; the model card says OpenRAIL",
    "zero123plus-v1.2": NOT_COMMERCIAL,
    "instantmesh-white": _FINE_TUNE,
    "sudo-ai/zero123plus-v1.1": f"{NOT_COMMERCIAL}; the model card says OpenRAIL",
    "sudo-ai/zero123plus-v1.2": NOT_COMMERCIAL,
    "sudo-ai/controlnet-zp12-normal-gen-v1": NOT_COMMERCIAL,
}
Release = Literal["zero123plus-v1.1", "zero123plus-v1.2", "instantmesh-white"]
VERSIONS: dict[Release, Zero123PlusVersion] = {
    "zero123plus-v1.1": "v1.1",
    "zero123plus-v1.2": "v1.2",
    "instantmesh-white": "v1.2",
}
_GREY, _WHITE = (127, 127, 127), (255, 255, 255)
# InstantMesh's objects fit the unit cube instead of the unit sphere: the cube reaches 1.73, boxes
# of real objects less; nearer cameras make the part fit the sphere again.
_WHITE_DISTANCE = 0.8
_COMMIT = r"^([0-9a-f]{40})?$"


class Settings(BackendSettings):
    """Which weights, and how they draw."""

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        "device": "the same computation up to rounding, and noise is always drawn on the CPU",
        "memory": "the same computation up to the order of sums",
    }

    release: Release = Field(
        default="zero123plus-v1.2",
        description="What the weights are: decides cameras, ground and licence. "
        "'instantmesh-white' is v1.2 with InstantMesh's UNet (unet_checkpoint).",
    )
    checkpoint: str = Field(
        default="",
        description="Folder of the checkpoint in its published layout, or a repository of the "
        "Hugging Face Hub such as sudo-ai/zero123plus-v1.2, then with revision. A stored result is "
        "found again by this name, so give other weights another folder.",
    )
    revision: str = Field(
        default="",
        pattern=_COMMIT,
        description="Commit of the repository, 40 digits; needed where checkpoint is no folder.",
    )
    unet_checkpoint: str = Field(
        default="",
        description="File of weights that replace the UNet's: InstantMesh's "
        "diffusion_pytorch_model.bin, as .bin or .safetensors.",
    )
    alpha: Literal["ground", "normals"] = Field(
        default="ground",
        description="What tells object from ground: the ground's plain colour, or normals that "
        "controlnet_checkpoint draws of the views, which takes as long again (v1.2).",
    )
    controlnet_checkpoint: str = Field(
        default="",
        description="The normal ControlNet of v1.2, for alpha 'normals': a folder, or "
        "sudo-ai/controlnet-zp12-normal-gen-v1 with controlnet_revision.",
    )
    controlnet_revision: str = Field(
        default="", pattern=_COMMIT, description="The same as revision, of the ControlNet."
    )
    steps: int = Field(
        default=75,
        ge=1,
        le=1000,
        description="Steps of the sampler; 28 do for plain objects, faces need 75 (its README).",
    )
    guidance: float = Field(
        default=4.0,
        ge=0.0,
        le=30.0,
        description="Scale of classifier-free guidance; at 1 and below there is none, and a step "
        "takes half the time.",
    )
    foreground: float = Field(
        default=0.85,
        gt=0.1,
        le=1.0,
        description="Longer side of the part over that of the square the generator is shown.",
    )
    size_px: int = Field(
        default=320,
        ge=16,
        le=640,
        multiple_of=8,
        description="Side of a view; the weights were trained on 320.",
    )
    camera_distance: float = Field(
        default=0.0,
        ge=0.0,
        le=10.0,
        description="Distance of the cameras over that at which a frame spans the unit sphere's "
        "diameter; 0 takes the release's own: 1 for v1.2, 0.8 for instantmesh-white, and for v1.1, "
        "which draws objects as large as the input shows them, 1 / foreground.",
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        default="auto",
        description="Of the networks; 'auto' takes float16 on CUDA and float32 on a CPU.",
    )
    device: str = Field(
        default="auto", description="PyTorch device; 'auto' takes CUDA where there is one."
    )
    memory: Literal["auto", "resident", "offload", "slices"] = Field(
        default="auto",
        description="'resident' keeps all networks on the device, 'offload' only the one in use, "
        "'slices' also computes attention head by head; 'auto' goes by the free memory of CUDA.",
    )

    def check_machine(self, stage: str) -> None:
        """Refuse weights that are not named or not there, before any work starts.

        Raises:
            MissingDependencyError: no checkpoint is named.
            ConfigError: a folder or file is not there, settings do not go together, or the device
                is not there.
        """
        _check_sources(self, stage)
        super().check_machine(stage)

    @property
    def ground(self) -> tuple[int, int, int]:
        """Colour that clear pixels of the input become, sRGB."""
        return _WHITE if self.release == "instantmesh-white" else _GREY

    @property
    def used_distance(self) -> float:
        """Distance of the cameras; see ``camera_distance``."""
        if self.camera_distance:
            return self.camera_distance
        if self.release == "zero123plus-v1.1":
            return 1.0 / self.foreground
        return _WHITE_DISTANCE if self.release == "instantmesh-white" else 1.0


def _check_sources(options: Settings, stage: str) -> None:
    if not options.checkpoint:
        raise MissingDependencyError(
            f"{stage}.checkpoint: zero123plus needs weights and none are named; download "
            f"sudo-ai/zero123plus-v1.2 (5.6 GB, {NOT_COMMERCIAL}) and give its folder, or give "
            "the repository and its commit as revision"
        )
    _check_source(f"{stage}.checkpoint", options.checkpoint, options.revision, "revision")
    if bool(options.unet_checkpoint) != (options.release == "instantmesh-white"):
        raise ConfigError(
            f"{stage}.unet_checkpoint: expected with release instantmesh-white, and only with it, "
            f"got {options.unet_checkpoint or 'none'!r} with {options.release}; set both or neither"
        )
    if options.unet_checkpoint and not Path(options.unet_checkpoint).expanduser().is_file():
        raise ConfigError(
            f"{stage}.unet_checkpoint: no file {options.unet_checkpoint!r} on this machine; "
            "download diffusion_pytorch_model.bin of TencentARC/InstantMesh and give its path"
        )
    if options.alpha == "normals":
        if options.release != "zero123plus-v1.2" or not options.controlnet_checkpoint:
            raise ConfigError(
                f"{stage}.alpha 'normals': expected release zero123plus-v1.2 and a "
                f"controlnet_checkpoint, got {options.release} and "
                f"{options.controlnet_checkpoint or 'none'!r}; use alpha=ground without them"
            )
        place = f"{stage}.controlnet_checkpoint"
        _check_source(
            place, options.controlnet_checkpoint, options.controlnet_revision, "controlnet_revision"
        )


def _check_source(place: str, source: str, revision: str, setting: str) -> None:
    """A folder that is there, or a repository with its commit."""
    if Path(source).expanduser().is_dir():
        return
    if revision and source.count("/") == 1 and not source.startswith((".", "/", "~")):
        return
    raise ConfigError(
        f"{place}: {source!r} is no folder of this machine; give one, or a repository of the "
        f"Hugging Face Hub (owner/name) together with {setting}, its commit of 40 digits"
    )
