"""The method ``mmpart-part`` of nerfstudio's command line; see README, "With nerfstudio's tools".

nerfstudio finds ``METHOD`` through the entry-point group ``nerfstudio.method_configs``. Numbers are
those of the back-end, so that ``ns-train`` on a part's views trains what the stage does.
"""

# Declares torchvision's operators, which nerfstudio's imports below ask for.
from mmpart_core.reconstruct import part_trainer  # isort: split

from nerfstudio.configs.base_config import MachineConfig, ViewerConfig
from nerfstudio.plugins.types import MethodSpecification

from mmpart_core.reconstruct.backends.nerfstudio import Settings, training_options
from mmpart_core.reconstruct.options import METHOD_NAME
from mmpart_core.reconstruct.part_trainer import PartTrainerConfig

_PREVIEW_RAYS = 1 << 14  # rays per chunk of the viewer, which bounds memory


def method_config() -> PartTrainerConfig:
    """The default configuration of ``ns-train mmpart-part``."""
    device = part_trainer.used_device("auto")
    options = training_options(Settings.model_validate({"device": device}), device)
    return PartTrainerConfig(
        method_name=METHOD_NAME,
        machine=MachineConfig(device_type=device),  # pyright: ignore[reportArgumentType]
        max_num_iterations=options.steps,
        steps_per_save=options.steps // 2,
        steps_per_eval_batch=0,
        steps_per_eval_image=options.steps // 4,
        steps_per_eval_all_images=0,
        viewer=ViewerConfig(num_rays_per_chunk=_PREVIEW_RAYS),
        vis="viewer",
        pipeline=part_trainer.pipeline_config(options),
        optimizers=part_trainer.optimizer_configs(options),
    )


METHOD = MethodSpecification(
    config=method_config(),
    description="MMPart's part: signed distance and colour on voxels, from posed views with alpha.",
)
