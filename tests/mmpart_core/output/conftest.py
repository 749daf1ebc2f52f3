"""A real result of three parts, built from coloured and textured surfaces in memory."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from mmpart_core.backends import STAGES
from mmpart_core.config import PipelineConfig
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import (
    AssembledObject,
    ComponentRequest,
    InputView,
    IsolatedPart,
    ObjectRequest,
    ObjectResult,
    PartMesh,
    PartPlan,
    PartPrompt,
    PartResult,
    Placement,
    RadianceField,
    Region,
    StageRun,
    View,
    ViewSet,
)
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.glb import GlbNode
from mmpart_core.storage.memory_store import MemoryStore

SOURCE_PX = 320
VIEW_PX = 96


def colored(mesh: trimesh.Trimesh, rgb: tuple[int, int, int]) -> TriangleMesh:
    """A surface of one colour."""
    color = np.array([*rgb, 255], dtype=np.uint8)
    return TriangleMesh(
        np.asarray(mesh.vertices, dtype=np.float64),
        np.asarray(mesh.faces, dtype=np.int64),
        colors=np.tile(color, (len(mesh.vertices), 1)),
    )


def textured_globe(radius: float) -> TriangleMesh:
    """A sphere with a striped texture, unwrapped by longitude and latitude."""
    sphere = trimesh.creation.uv_sphere(radius=radius, count=[24, 48])
    vertices = np.asarray(sphere.vertices, dtype=np.float64)
    longitude = np.arctan2(vertices[:, 1], vertices[:, 0]) / (2 * np.pi) + 0.5
    latitude = np.arcsin(np.clip(vertices[:, 2] / radius, -1, 1)) / np.pi + 0.5
    texture = np.full((64, 128, 3), (214, 122, 64), dtype=np.uint8)
    texture[(np.arange(64) // 8) % 2 == 0] = (244, 226, 196)
    return TriangleMesh(
        vertices,
        np.asarray(sphere.faces, dtype=np.int64),
        uv=np.stack([longitude, latitude], axis=1),
        texture=texture,
    )


def lamp_parts() -> list[TriangleMesh]:
    """A table lamp, placed in its world: a foot, a stem, a globe on top."""
    foot = trimesh.creation.cylinder(radius=0.42, height=0.12, sections=64)
    foot.apply_translation([0, 0, -0.62])
    stem = trimesh.creation.cylinder(radius=0.055, height=0.8, sections=40)
    stem.apply_translation([0, 0, -0.18])
    globe = textured_globe(0.42)
    return [
        colored(foot, (58, 66, 82)),
        colored(stem, (176, 180, 188)),
        globe.transformed(transforms.scale_then_translate(1.0, np.array([0.0, 0.0, 0.42]))),
    ]


def to_part_frame(mesh: TriangleMesh) -> tuple[TriangleMesh, np.ndarray]:
    """A placed mesh in its own unit-sphere frame, and the transform back."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    center = (low + high) / 2
    radius = float(np.linalg.norm(mesh.vertices - center, axis=1).max())
    world_from_part = transforms.scale_then_translate(radius, center)
    return mesh.transformed(np.linalg.inv(world_from_part)), world_from_part


class ResultBuilder:
    """Builds the records of a finished object as the pipeline would, in a MemoryStore."""

    def __init__(self, names: list[str], meshes: list[TriangleMesh]) -> None:
        self.store = MemoryStore()
        self.names = names
        self.meshes = meshes
        self.camera = cameras.orbit_camera(0.0, 20.0, 30.0, SOURCE_PX)
        self.scene = RenderScene(meshes)
        self.source = self.scene.render(self.camera, supersample=2, shading=0.4)
        self.foreground = codecs.put_mask(self.store, self.source.rgba[..., 3] > 127)

    def request(self) -> ObjectRequest:
        box = Region(kind="box", box=(0.2, 0.2, 0.8, 0.8))
        components = tuple(
            ComponentRequest(
                name=name,
                hidden="goes on behind" if index else "",
                region=box if index == 1 else None,
            )
            for index, name in enumerate(self.names)
        )
        image = codecs.put_image(self.store, self.source.rgba)
        return ObjectRequest(
            name="table-lamp",
            image=image,
            components=components,
            view=InputView(elevation_deg=20.0, fov_deg=30.0),
        )

    def plan(self, request: ObjectRequest) -> PartPlan:
        prompts = tuple(
            PartPrompt(
                component=name,
                prompt=f"Show only the {name}, complete, on a plain ground.",
                hidden=request.components[index].hidden,
                index=index,
                regions=tuple(component.region for component in request.components),
                counts=tuple(component.count for component in request.components),
                foreground=self.foreground,
                camera=self.camera,
            )
            for index, name in enumerate(self.names)
        )
        return PartPlan(
            prompts=prompts,
            foreground=self.foreground,
            camera=self.camera,
            planner="template/1",
            cost_usd=0.001,
            warnings=("The elevation of the camera was taken as 20 degrees.",),
        )

    def part(self, index: int) -> tuple[PartResult, np.ndarray]:
        name, placed = self.names[index], self.meshes[index]
        own, world_from_part = to_part_frame(placed)
        isolated = self._isolated(index)
        views = self._views(name, own)
        return PartResult(
            component=name,
            isolated=isolated,
            views=views,
            field=self._field(name, own, views),
            mesh=self._mesh(name, own),
        ), world_from_part

    def _isolated(self, index: int) -> IsolatedPart:
        alone = RenderScene([self.meshes[index]]).render(self.camera, supersample=2, shading=0.4)
        seen = self.source.node_index == index
        return IsolatedPart(
            component=self.names[index],
            rgba=codecs.put_image(self.store, alone.rgba),
            visible=codecs.put_mask(self.store, seen),
            imagined=codecs.put_mask(self.store, (alone.rgba[..., 3] > 127) & ~seen),
            camera=self.camera,
            cost_usd=0.04,
            warnings=("A third of it was imagined.",) if index == 1 else (),
        )

    def _views(self, name: str, own: TriangleMesh) -> ViewSet:
        scene = RenderScene([own])
        found: list[View] = []
        for camera in cameras.zero123plus_cameras("v1.2", VIEW_PX):
            rgba = scene.render(camera, supersample=2, shading=0.4).rgba
            found.append(View(image=codecs.put_image(self.store, rgba), camera=camera))
        return ViewSet(component=name, views=tuple(found), method="rendered from the surface")

    def _field(self, name: str, own: TriangleMesh, views: ViewSet) -> RadianceField:
        side = 12
        axis = np.linspace(-1.1, 1.1, side)
        x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
        grid = FieldGrid(
            sdf=(np.sqrt(x**2 + y**2 + z**2) - 0.9).astype(np.float32),
            rgb=np.full((side, side, side, 3), 0.5, dtype=np.float32),
            origin=np.full(3, -1.1),
            spacing=2.2 / (side - 1),
        )
        low, high = own.vertices.min(axis=0), own.vertices.max(axis=0)
        return RadianceField(
            component=name,
            checkpoint=codecs.put_field(self.store, grid),
            bounds_min=(float(low[0]), float(low[1]), float(low[2])),
            bounds_max=(float(high[0]), float(high[1]), float(high[2])),
            train_psnr_db=28.4,
            confidence=0.83,
            views=views,
        )

    def _mesh(self, name: str, own: TriangleMesh) -> PartMesh:
        solid = trimesh.Trimesh(own.vertices, own.faces, process=True)
        return PartMesh(
            component=name,
            mesh=glb.put_mesh(self.store, name, own),
            watertight=bool(solid.is_watertight),
            bodies=1,
            area=float(solid.area),
            volume=float(solid.volume),
            method="marching cubes",
        )

    def assembled(self, transforms_of_parts: list[np.ndarray]) -> AssembledObject:
        nodes = [
            GlbNode(name, to_part_frame(mesh)[0], matrix)
            for name, mesh, matrix in zip(self.names, self.meshes, transforms_of_parts, strict=True)
        ]
        placements = tuple(
            Placement(
                component=name,
                world_from_part=transforms.to_tuple(matrix),
                scale=transforms.similarity_scale(matrix),
                silhouette_iou=0.93 - 0.05 * index,
                method="fitted to the visible outline",
                warnings=("Depth is a guess.",) if index == 2 else (),
            )
            for index, (name, matrix) in enumerate(
                zip(self.names, transforms_of_parts, strict=True)
            )
        )
        return AssembledObject(
            glb=glb.put_scene(self.store, nodes),
            placements=placements,
            camera=self.camera,
            silhouette_iou=0.95,
            preview=codecs.put_image(self.store, self.source.rgba),
        )

    def build(self) -> ObjectResult:
        request = self.request()
        made = [self.part(index) for index in range(len(self.names))]
        return ObjectResult(
            request=request,
            plan=self.plan(request),
            parts=tuple(part for part, _ in made),
            assembled=self.assembled([matrix for _, matrix in made]),
            runs=tuple(stage_runs(self.names)),
        )


def stage_runs(names: list[str]) -> list[StageRun]:
    """One run per stage and part; the first part came from the cache."""
    kinds = {"plan": "template/1", "assemble": "layout/1"}
    whole = [
        StageRun(
            component=None, stage=stage, key=f"{stage}-{'a' * 64}", cached=False, seconds=0.5,
            cost_usd=0.001 if stage == "plan" else 0.0, backend=kinds[stage], seed=7,
        )
        for stage in ("plan", "assemble")
    ]  # fmt: skip
    parts = [
        StageRun(
            component=name, stage=stage, key=f"{stage}-{str(index) * 64}", cached=index == 0,
            seconds=0.0 if index == 0 else 2.5, cost_usd=0.04 if stage == "isolate" else 0.0,
            backend=f"{stage}-kind/1", seed=7,
        )
        for index, name in enumerate(names)
        for stage in STAGES
        if stage not in kinds
    ]  # fmt: skip
    return [*whole[:1], *parts, *whole[1:]]


@pytest.fixture(scope="session")
def build_result() -> Callable[[list[str]], tuple[ObjectResult, MemoryStore]]:
    """Makes a lamp whose three parts have the names given."""

    def build(names: list[str]) -> tuple[ObjectResult, MemoryStore]:
        builder = ResultBuilder(names, lamp_parts())
        return builder.build(), builder.store

    return build


@pytest.fixture(scope="session")
def lamp(
    build_result: Callable[[list[str]], tuple[ObjectResult, MemoryStore]],
) -> tuple[ObjectResult, MemoryStore]:
    """A complete result of three parts."""
    return build_result(["foot", "stem", "globe"])


@pytest.fixture(scope="session")
def config() -> PipelineConfig:
    """A profile of offline back-ends."""
    kinds = {
        "plan": "template", "isolate": "regions", "multiview": "lift",
        "reconstruct": "nerfstudio", "mesh": "flexicubes", "assemble": "layout",
    }  # fmt: skip
    return PipelineConfig.model_validate({stage: {"kind": kind} for stage, kind in kinds.items()})
