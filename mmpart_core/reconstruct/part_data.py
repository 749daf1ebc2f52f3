"""One part's views as nerfstudio data: parser, dataset and data manager.

The stage hands over views in memory, ``ns-train`` the path of a views folder; from there on both
are the same. Importing this module imports nerfstudio, which takes seconds.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from jaxtyping import Float, Float32, UInt8
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import (
    VanillaDataManager,
    VanillaDataManagerConfig,
)
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs as ParserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.data.utils.dataloaders import (
    FixedIndicesEvalDataloader,
    RandIndicesEvalDataloader,
)
from torch import Tensor

from mmpart_core.geometry import transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.masks import check_masks
from mmpart_core.reconstruct.part_scene import PartScene, prepare_scene
from mmpart_core.reconstruct.ray_cache import RayCache
from mmpart_core.reconstruct.sketch import sketch
from mmpart_core.reconstruct.view_fitting import fit_views, move_views
from mmpart_core.reconstruct.view_registration import register_views, warn_of_bends
from mmpart_core.reconstruct.views_folder import read_views_folder
from mmpart_core.records import Camera


@dataclass(frozen=True)
class ParsedViews:
    """What a parser found.

    Attributes:
        scene: the part, from the views to train on.
        names: files of these views.
        held_out: views for evaluation only, part frame.
        held_out_names: their files.
        part_from_given: similarity from the frame of the views as given to the part frame.
        deformations: how views as given, the first axis, are bent before anything else; none where
            they agree.
    """

    scene: PartScene
    names: tuple[Path, ...]
    held_out: PosedViews | None
    held_out_names: tuple[Path, ...]
    part_from_given: Float[np.ndarray, "4 4"]
    deformations: Float32[np.ndarray, "N 2 Y X"] | None


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
    """Where the views are, and how the part is set up from them."""

    _target: type = field(default_factory=lambda: PartParser)
    data: Path = Path()
    """Folder with a transforms.json and PNGs with alpha, or such a file."""
    views: tyro.conf.Suppress[PosedViews | None] = None
    """Views in memory, in the part frame; they take the place of a folder."""
    fit_frame: bool = True
    """Centre the subject in the unit sphere first; False for views in the part frame already."""
    slack_px: float = 1.5
    """By how many pixels masks are widened; raise it when views disagree."""
    register_views: bool = True
    """Bend views that disagree onto what they have in common first."""
    margin: float = 0.02
    """Room around the visual hull, in units of the unit sphere."""
    coarse_resolution: int = 48
    """Grid corners along the longest side while carving."""
    resolution: int = 112
    """Grid corners along the longest side after carving and in the result."""
    convex_start: bool = True
    """Start from the hull cut by the convex body that the outlines ask for."""
    density_steps: int = 300
    """Batches of the density field that finds hollows before distances are trained."""
    hollow: float = 0.05
    """Hollows that it finds less deep than this are left to training, in part units."""
    facets: bool = True
    """Cut off what stands in front of flat faces without need first, where the views agree."""
    recesses: bool = True
    """Cut out hollows behind flat openings first, where the views agree."""
    seed: tyro.conf.Suppress[int] = 0
    """Of the density field; the trainer fills in ``machine.seed``."""


class PartParser(DataParser):
    """Describes a part's views to nerfstudio."""

    config: PartParserConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    @cached_property
    def parsed(self) -> ParsedViews:
        """The part, read and set up once.

        Raises:
            InputError: the folder cannot be used; see ``read_views_folder`` and ``fit_views``.
            BackendError: masks that nothing can be made from.
        """
        config = self.config
        if config.views is not None:
            scene, bends = self._scene(config.views)
            names = tuple(Path(f"view-{index}") for index in scene.kept)
            return ParsedViews(scene, names, None, (), np.eye(4), bends)
        folder = read_views_folder(config.data)
        fitted, part_from_given = folder.views, np.eye(4)
        if config.fit_frame:
            fitted, part_from_given = fit_views(folder.views)
        held_out = folder.held_out
        if held_out is not None:
            held_out = move_views(held_out, part_from_given)
        scene, bends = self._scene(fitted)
        names = tuple(folder.names[index] for index in scene.kept)
        return ParsedViews(scene, names, held_out, folder.held_out_names, part_from_given, bends)

    def _scene(self, views: PosedViews) -> tuple[PartScene, Float32[np.ndarray, "N 2 Y X"] | None]:
        """The part, and how its views were bent."""
        config, bends = self.config, None
        if config.register_views:
            check_masks(views)
            trained = partial(sketch, slack_px=config.slack_px, seed=config.seed)
            bends = register_views(views, config.slack_px, trained)
        notes: tuple[str, ...] = ()
        if bends is not None:
            notes = warn_of_bends(views, bends)
            views = views.bent(bends)
        scene = prepare_scene(
            views,
            slack_px=config.slack_px,
            margin=config.margin,
            resolutions=(config.coarse_resolution, config.resolution),
            convex_start=config.convex_start,
            density_steps=config.density_steps,
            hollow=config.hollow,
            facets=config.facets,
            recesses=config.recesses,
            seed=config.seed,
        )
        return replace(scene, warnings=(*notes, *scene.warnings)), bends

    def _generate_dataparser_outputs(self, split: str = "train", **kwargs: Any) -> ParserOutputs:
        parsed = self.parsed
        views, names = parsed.scene.views, parsed.names
        if split != "train" and parsed.held_out is not None:
            views, names = parsed.held_out, parsed.held_out_names
        spec = parsed.scene.fine_spec
        low = torch.tensor(spec.origin)
        high = low + (torch.tensor(spec.shape) - 1) * spec.spacing
        # nerfstudio scales after it has moved.
        scale = transforms.similarity_scale(parsed.part_from_given)
        moved = torch.from_numpy(parsed.part_from_given[:3]).float()
        moved = torch.cat([torch.eye(3), moved[:, 3:] / scale], dim=1)
        return ParserOutputs(
            image_filenames=list(names),
            cameras=nerfstudio_cameras(views.cameras),
            alpha_color=torch.zeros(3),
            scene_box=SceneBox(aabb=torch.stack([low, high])),
            dataparser_transform=moved,
            dataparser_scale=scale,
            metadata={"scene": parsed.scene},
        )


class PartDataset(InputDataset):
    """The images of a part: ``image`` over black for nerfstudio's tools, ``rgba`` for ours."""

    def __init__(self, outputs: ParserOutputs, views: PosedViews) -> None:
        super().__init__(outputs)
        self._views = views

    def get_numpy_image(self, image_idx: int) -> UInt8[np.ndarray, "H W 4"]:
        """One view's pixels."""
        return self._views.rgba[image_idx]

    def get_metadata(self, data: dict[str, Any]) -> dict[str, Tensor]:
        """What a batch holds besides ``image``: ``rgba`` (H, W, 4) in [0, 1], straight alpha."""
        return {"rgba": torch.from_numpy(self._views.rgba[data["image_idx"]]).float() / 255.0}


@dataclass
class PartDataManagerConfig(VanillaDataManagerConfig):
    """Where rays come from and how many are drawn."""

    _target: type = field(default_factory=lambda: PartDataManager)
    dataparser: PartParserConfig = field(  # pyright: ignore[reportIncompatibleVariableOverride]
        default_factory=PartParserConfig
    )
    train_num_rays_per_batch: int = 1536
    """Rays per batch."""
    seed: tyro.conf.Suppress[int] = 0
    """Which rays are drawn; the trainer fills in ``machine.seed``."""


class PartDataManager(VanillaDataManager[PartDataset]):
    """Draws batches from cached rays, with random numbers of its own.

    nerfstudio's exporters ask for a ``VanillaDataManager`` with a pixel sampler, whose number of
    rays they set; nothing else of either is used.
    """

    config: PartDataManagerConfig  # pyright: ignore[reportIncompatibleVariableOverride]
    dataparser: PartParser

    @property
    def parsed(self) -> ParsedViews:
        """The part."""
        return self.dataparser.parsed

    def create_train_dataset(self) -> PartDataset:
        """The views to train on."""
        return PartDataset(self.train_dataparser_outputs, self.parsed.scene.views)

    def create_eval_dataset(self) -> PartDataset:
        """The views that are held out; where there are none, the same as for training."""
        if self.parsed.held_out is None:
            return self.train_dataset
        outputs = self.dataparser.get_dataparser_outputs(split=self.test_split)
        return PartDataset(outputs, self.parsed.held_out)

    def setup_train(self) -> None:
        """Find the rays."""
        self.rays = self.parsed.scene.rays
        self._train = self.rays.to(self.device)
        self._generator = torch.Generator()
        self._generator.manual_seed(self.config.seed)
        self.train_pixel_sampler = self._get_pixel_sampler(
            self.train_dataset, self.config.train_num_rays_per_batch
        )

    def setup_eval(self) -> None:
        """Loaders of whole images, and the rays of held-out views."""
        held_out = self.parsed.held_out
        rays = self.rays if held_out is None else self.parsed.scene.rays_of(held_out)
        self._eval = rays.to(self.device)
        dataset, device = self.eval_dataset, self.device
        self.fixed_indices_eval_dataloader = FixedIndicesEvalDataloader(dataset, device=device)
        self.eval_dataloader = RandIndicesEvalDataloader(dataset, device=device)

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """A batch of rays, drawn with replacement, and their pixels: ``rgba`` (R, 4)."""
        del step
        self.train_count += 1
        return self._draw(self._train, self.get_train_rays_per_batch())

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """As ``next_train``, of the views for evaluation."""
        del step
        self.eval_count += 1
        return self._draw(self._eval, self.get_eval_rays_per_batch())

    def _draw(self, rays: RayCache, count: int) -> tuple[RayBundle, dict[str, Tensor]]:
        drawn = torch.randint(len(rays), (count,), generator=self._generator).to(self.device)
        nears = rays.nears[drawn]
        bundle = RayBundle(
            origins=rays.origins[drawn],
            directions=rays.directions[drawn],
            pixel_area=torch.ones_like(nears),
            nears=nears,
            fars=rays.fars[drawn],
        )
        return bundle, {"rgba": rays.rgba[drawn]}
