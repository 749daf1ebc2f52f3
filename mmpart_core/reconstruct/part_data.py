"""One part's views as nerfstudio data: parser, dataset and data manager, all in memory.

Importing this module imports nerfstudio, which takes seconds; ``training`` is its only user.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import DataManager, DataManagerConfig
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs as ParserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.scene_box import SceneBox
from torch import Tensor
from torch.nn import Parameter

from mmpart_core.geometry import transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.ray_cache import RayCache
from mmpart_core.records import Camera


@dataclass(frozen=True)
class PartScene:
    """Everything that training needs to know about one part.

    Attributes:
        views: the posed images.
        rays: their useful rays.
        coarse_spec: the first grid.
        coarse_sdf: the shape on it from which the field starts.
        fine_spec: the second grid.
    """

    views: PosedViews
    rays: RayCache
    coarse_spec: GridSpec
    coarse_sdf: Tensor
    fine_spec: GridSpec


def nerfstudio_cameras(cameras: tuple[Camera, ...]) -> Cameras:
    """Our cameras as nerfstudio's; both look along -Z with +Y up and centre pixels at a half."""
    kinds = {
        "perspective": CameraType.PERSPECTIVE.value,
        "orthographic": CameraType.ORTHOPHOTO.value,
    }
    poses = np.stack([transforms.to_array(camera.world_from_camera)[:3] for camera in cameras])
    focal = torch.tensor([[camera.focal_px] for camera in cameras])
    return Cameras(
        camera_to_worlds=torch.from_numpy(poses).float(),
        fx=focal,
        fy=focal,
        cx=torch.tensor([[camera.principal_px[0]] for camera in cameras]),
        cy=torch.tensor([[camera.principal_px[1]] for camera in cameras]),
        width=torch.tensor([[camera.width_px] for camera in cameras]),
        height=torch.tensor([[camera.height_px] for camera in cameras]),
        camera_type=torch.tensor([[kinds[camera.projection]] for camera in cameras]),
    )


@dataclass
class PartParserConfig(DataParserConfig):
    """Names the scene to parse."""

    _target: type = field(default_factory=lambda: PartParser)
    scene: PartScene | None = None


class PartParser(DataParser):
    """Describes a part's views to nerfstudio."""

    config: PartParserConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def _generate_dataparser_outputs(self, split: str = "train", **kwargs: Any) -> ParserOutputs:
        scene = self.config.scene
        if scene is None:
            raise ValueError("PartParserConfig.scene is not set")
        spec = scene.fine_spec
        low = torch.tensor(spec.origin)
        high = low + (torch.tensor(spec.shape) - 1) * spec.spacing
        return ParserOutputs(
            image_filenames=[Path(f"view-{i}") for i in range(len(scene.views.cameras))],
            cameras=nerfstudio_cameras(scene.views.cameras),
            scene_box=SceneBox(aabb=torch.stack([low, high])),
            metadata={
                "coarse_spec": scene.coarse_spec,
                "coarse_sdf": scene.coarse_sdf,
                "fine_spec": scene.fine_spec,
            },
        )


class PartDataset(InputDataset):
    """The images of a part, from memory instead of files."""

    def __init__(self, outputs: ParserOutputs, views: PosedViews) -> None:
        super().__init__(outputs)
        self._views = views

    def get_numpy_image(self, image_idx: int) -> UInt8[np.ndarray, "H W 4"]:
        """One view's pixels."""
        return self._views.rgba[image_idx]


@dataclass
class PartDataManagerConfig(DataManagerConfig):
    """Where rays come from and how many are drawn."""

    _target: type = field(default_factory=lambda: PartDataManager)
    parser: PartParserConfig = field(default_factory=PartParserConfig)
    rays_per_batch: int = 1536
    seed: int = 0


class PartDataManager(DataManager):
    """Draws batches from the cached rays, with random numbers of its own."""

    config: PartDataManagerConfig

    def __init__(
        self,
        config: PartDataManagerConfig,
        device: str = "cpu",
        test_mode: str = "val",
        world_size: int = 1,
        local_rank: int = 0,
    ) -> None:
        del world_size, local_rank
        scene = config.parser.scene
        if scene is None:
            raise ValueError("PartDataManagerConfig.parser.scene is not set")
        self.config = config
        self.device = device
        self.test_mode = test_mode
        self._scene = scene
        outputs = config.parser.setup().get_dataparser_outputs()
        self.train_dataset = PartDataset(outputs, scene.views)
        super().__init__()

    def setup_train(self) -> None:
        """Move the rays to the device."""
        rays = self._scene.rays
        self._origins = rays.origins.to(self.device)
        self._directions = rays.directions.to(self.device)
        self._nears, self._fars = rays.nears.to(self.device), rays.fars.to(self.device)
        self._rgba = rays.rgba.to(self.device)
        self._generator = torch.Generator()
        self._generator.manual_seed(self.config.seed)

    def setup_eval(self) -> None:
        """Nothing is held out: six views are all there is."""

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """A batch of rays, drawn with replacement, and their pixels."""
        del step
        self.train_count += 1
        count = len(self._origins)
        drawn = torch.randint(count, (self.config.rays_per_batch,), generator=self._generator)
        return self.bundle(drawn.to(self.device))

    def bundle(self, index: Tensor) -> tuple[RayBundle, dict[str, Tensor]]:
        """Chosen rays and their pixels: ``rgba`` (R, 4)."""
        nears = self._nears[index]
        rays = RayBundle(
            origins=self._origins[index],
            directions=self._directions[index],
            pixel_area=torch.ones_like(nears),
            nears=nears,
            fars=self._fars[index],
        )
        return rays, {"rgba": self._rgba[index]}

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """As ``next_train``."""
        return self.next_train(step)

    def next_eval_image(self, step: int) -> tuple[Cameras, dict[str, Tensor]]:
        """A view's camera and image, in turn."""
        dataset = self.train_dataset
        if dataset is None:
            raise ValueError("the data manager was built without views")
        index = step % len(dataset)
        return dataset.cameras[index : index + 1], {"image": dataset.get_image_float32(index)}

    def get_train_rays_per_batch(self) -> int:
        """Rays per batch."""
        return self.config.rays_per_batch

    def get_eval_rays_per_batch(self) -> int:
        """Rays per batch."""
        return self.config.rays_per_batch

    def get_datapath(self) -> Path:
        """No folder: the views are in memory."""
        return Path()

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """None: poses are given."""
        return {}
