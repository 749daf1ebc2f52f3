"""USDZ through OpenUSD (``pip install "mmpart[usd]"``): a mesh per part, with its name and texture.

+Y up, as the GLB and as Apple's viewers want it. What a prim may be called is restricted, so the
component's name is its display name.
"""

import importlib
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmpart_core.errors import MissingDependencyError, StorageError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.transforms import GLTF_FROM_WORLD
from mmpart_core.output.formats.parts import NamedPart

_GREY = 0.5
_MODULES = ("Gf", "Sdf", "Tf", "Usd", "UsdGeom", "UsdShade", "UsdUtils", "Vt")


def write_usdz(parts: list[NamedPart], name: str, *, size_m: float = 0.5) -> dict[str, bytes]:
    """The one file of an object.

    Args:
        parts: where they stand in their object.
        name: file-safe name of the object.
        size_m: longest side of the object's box in metres, for viewers that show it in a room.

    Returns:
        ``<name>.usdz`` -> content.

    Raises:
        MissingDependencyError: OpenUSD is not installed.
        StorageError: it could not be packed.
    """
    usd = _Usd()
    corners = np.concatenate([part.mesh.vertices for part in parts])
    extent = float(np.ptp(corners, axis=0).max()) or 1.0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "object.usdc"
        stage = usd.Usd.Stage.CreateNew(str(root))
        usd.UsdGeom.SetStageUpAxis(stage, usd.UsdGeom.Tokens.y)
        usd.UsdGeom.SetStageMetersPerUnit(stage, size_m / extent)
        whole = usd.UsdGeom.Xform.Define(stage, "/Object")
        whole.GetPrim().SetDisplayName(name)
        stage.SetDefaultPrim(whole.GetPrim())
        for index, part in enumerate(parts):
            _add_part(usd, stage, part, index, Path(folder))
        stage.GetRootLayer().Save()
        packed = Path(folder) / "packed.usdz"
        if not usd.UsdUtils.CreateNewUsdzPackage(usd.Sdf.AssetPath(str(root)), str(packed)):
            raise StorageError(
                f"object '{name}': OpenUSD could not pack the USDZ; see what it said"
            )
        return {f"{name}.usdz": packed.read_bytes()}


class _Usd:
    """OpenUSD's modules, which have no types."""

    def __init__(self) -> None:
        try:
            modules = [importlib.import_module(f"pxr.{each}") for each in _MODULES]
        except ImportError as error:
            raise MissingDependencyError(
                'format usdz: the package usd-core is not installed; pip install "mmpart[usd]"'
            ) from error
        self._modules: dict[str, Any] = dict(zip(_MODULES, modules, strict=True))

    def __getattr__(self, name: str) -> Any:
        return self._modules[name]


def _add_part(usd: _Usd, stage: Any, part: NamedPart, index: int, folder: Path) -> None:
    path = f"/Object/{usd.Tf.MakeValidIdentifier(part.slug)}_{index}"
    mesh = part.mesh.transformed(GLTF_FROM_WORLD)
    prim = usd.UsdGeom.Mesh.Define(stage, path)
    prim.GetPrim().SetDisplayName(part.name)
    points = mesh.vertices.astype(np.float32)
    prim.CreatePointsAttr(usd.Vt.Vec3fArray.FromNumpy(points))
    prim.CreateFaceVertexCountsAttr(usd.Vt.IntArray(len(mesh.faces), 3))
    indices = np.ascontiguousarray(mesh.faces.reshape(-1), dtype=np.int32)
    prim.CreateFaceVertexIndicesAttr(usd.Vt.IntArray.FromNumpy(indices))
    prim.CreateSubdivisionSchemeAttr(usd.UsdGeom.Tokens.none)
    box = np.stack([points.min(axis=0), points.max(axis=0)])
    prim.CreateExtentAttr(usd.Vt.Vec3fArray.FromNumpy(box))
    if mesh.colors is not None and mesh.texture is None:
        _paint(usd, prim, mesh)
        return
    shader = _material(usd, stage, prim, f"{path}/Material")
    color = shader.CreateInput("diffuseColor", usd.Sdf.ValueTypeNames.Color3f)
    if mesh.uv is None or mesh.texture is None:
        color.Set(usd.Gf.Vec3f(_GREY))
        return
    file = folder / f"texture-{index}.png"
    file.write_bytes(_png(mesh))
    color.ConnectToSource(_texture(usd, stage, prim, f"{path}/Material", file, mesh))


def _material(usd: _Usd, stage: Any, prim: Any, path: str) -> Any:
    material = usd.UsdShade.Material.Define(stage, path)
    shader = usd.UsdShade.Shader.Define(stage, f"{path}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("roughness", usd.Sdf.ValueTypeNames.Float).Set(1.0)
    shader.CreateInput("metallic", usd.Sdf.ValueTypeNames.Float).Set(0.0)
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    usd.UsdShade.MaterialBindingAPI.Apply(prim.GetPrim()).Bind(material)
    return shader


def _texture(usd: _Usd, stage: Any, prim: Any, path: str, file: Path, mesh: TriangleMesh) -> Any:
    names = usd.Sdf.ValueTypeNames
    given = usd.UsdGeom.PrimvarsAPI(prim).CreatePrimvar(
        "st", names.TexCoord2fArray, usd.UsdGeom.Tokens.vertex
    )
    given.Set(usd.Vt.Vec2fArray.FromNumpy(np.asarray(mesh.uv, dtype=np.float32)))
    reader = usd.UsdShade.Shader.Define(stage, f"{path}/Coordinates")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", names.String).Set("st")
    texture = usd.UsdShade.Shader.Define(stage, f"{path}/Texture")
    texture.CreateIdAttr("UsdUVTexture")
    texture.CreateInput("file", names.Asset).Set(usd.Sdf.AssetPath(f"./{file.name}"))
    texture.CreateInput("sourceColorSpace", names.Token).Set("sRGB")
    texture.CreateInput("st", names.Float2).ConnectToSource(
        reader.CreateOutput("result", names.Float2)
    )
    return texture.CreateOutput("rgb", names.Float3)


def _paint(usd: _Usd, prim: Any, mesh: TriangleMesh) -> None:
    """Colours of vertices, which are linear in USD; shown where there is no material."""
    srgb = np.asarray(mesh.colors, dtype=np.float64)[:, :3] / 255.0
    # IEC 61966-2-1: the sRGB curve
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    shown = prim.CreateDisplayColorPrimvar(usd.UsdGeom.Tokens.vertex)
    shown.Set(usd.Vt.Vec3fArray.FromNumpy(linear.astype(np.float32)))


def _png(mesh: TriangleMesh) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.asarray(mesh.texture)).convert("RGB").save(data, "PNG")
    return data.getvalue()
