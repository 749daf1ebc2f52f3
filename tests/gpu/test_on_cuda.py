"""The heavy stages on a CUDA device give what they give on a CPU."""

from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core import backends
from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh.flexicubes import FlexiCubes
from mmpart_core.reconstruct.checks import check_field

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(
    "settings", [{"device": "cuda"}, {"preset": "nerfacto", "steps": 2000, "resolution": 96}]
)
def test_a_ball_is_trained_on_the_device(settings: dict[str, Any]) -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.9)
    mesh = TriangleMesh(np.asarray(ball.vertices), np.asarray(ball.faces, dtype=np.int64))
    six = cameras.zero123plus_cameras("v1.2", 160)
    scene = RenderScene([mesh])
    views = PosedViews(np.stack([scene.render(camera).rgba for camera in six]), six)
    trainer = backends.open_backend("reconstruct", "nerfstudio", settings)
    torch.cuda.reset_peak_memory_stats()
    trained = trainer.train(views, 0)
    assert torch.cuda.max_memory_allocated() > 0
    low, high = check_field(trained, "ball")
    assert np.allclose(low, -0.9, atol=0.05)
    assert np.allclose(high, 0.9, atol=0.05)


def test_extraction_on_the_device_equals_the_cpu() -> None:
    def surface(device: str) -> tuple[np.ndarray, np.ndarray]:
        extractor = FlexiCubes(device)
        vertices, cubes = extractor.construct_voxel_grid(24)
        field = vertices.norm(dim=1) - 0.4
        found, faces, _ = extractor(vertices, field, cubes, 24)
        return found.cpu().numpy(), faces.cpu().numpy()

    (here, faces_here), (there, faces_there) = surface("cpu"), surface("cuda")
    assert np.allclose(here, there, atol=1e-5)
    assert np.array_equal(faces_here, faces_there)
