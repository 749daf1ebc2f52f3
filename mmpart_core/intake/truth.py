"""A request made of a known scene: the image is drawn, the components are the scene's nodes."""

from collections.abc import Sequence
from pathlib import Path

from mmpart_core.errors import InputError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.truth_scene import TruthGeometry, load_truth
from mmpart_core.intake.components import MAX_COMPONENTS
from mmpart_core.intake.names import MAX_NAME_CHARS, slug
from mmpart_core.records import ComponentRequest, InputView, ObjectRequest, TruthScene
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.blob_store import BlobStore

_SUPERSAMPLE = 3


def request_from_truth(
    path: Path | str,
    *,
    view: InputView,
    store: BlobStore,
    size_px: int = 640,
    name: str | None = None,
    components: Sequence[str] | None = None,
    shading: float = 0.0,
) -> ObjectRequest:
    """A request whose answer is known.

    The scene is centred, fitted into the unit sphere and drawn on a transparent ground by the
    camera of ``view``; the file itself is stored and travels with the request.

    Args:
        path: a GLB with one named node per component.
        view: the input camera; its azimuth counts from the scene's front (+X in the world, +Z in
            the file).
        store: where the image and the scene go.
        size_px: side of the drawn image.
        name: name of the object; the file's name by default.
        components: the nodes to make, in this order; all, in the file's order, by default. The
            image shows the whole scene in any case.
        shading: 0 draws bare base colours; up to 1 blends in a soft studio light.

    Raises:
        InputError: no such file, not a GLB, no meshes, more nodes than a request may have, a
            component that is no node or is named twice, an image size that is too small.
        StorageError: the store cannot be written.
    """
    path = Path(path)
    data = _read(path)
    if size_px < 16:
        raise InputError(f"known scene {path.name}: image of {size_px} px, at least 16 expected")
    truth = TruthScene(scene=store.put(data, glb.GLB_MEDIA))
    try:
        geometry = load_truth(store, truth)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if geometry is None:
        raise InputError(f"{path}: no scene could be read; give a GLB with named mesh nodes")
    nodes = _chosen_nodes(path, geometry, components)
    camera = cameras.orbit_camera(view.azimuth_deg, view.elevation_deg, view.fov_deg, size_px)
    picture = geometry.render_scene.render(camera, supersample=_SUPERSAMPLE, shading=shading)
    return ObjectRequest(
        name=slug(name or path.stem),
        image=codecs.put_image(store, picture.rgba),
        components=tuple(ComponentRequest(name=node) for node in nodes),
        view=view,
        truth=truth,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"known scene {path}: the file cannot be read ({error.strerror}); give the path of a "
            "GLB file"
        ) from error


def _chosen_nodes(
    path: Path, geometry: TruthGeometry, components: Sequence[str] | None
) -> tuple[str, ...]:
    """Node names that become components, checked."""
    names = geometry.names if components is None else tuple(components)
    known = ", ".join(map(repr, geometry.names))
    unknown = [name for name in names if name not in geometry.parts]
    if unknown:
        raise InputError(
            f"known scene {path.name}: no node named {', '.join(map(repr, unknown))}; "
            f"it has {known}"
        )
    if len(set(names)) != len(names):
        raise InputError(
            f"known scene {path.name}: each component may be named once, got "
            f"{', '.join(map(repr, names))}"
        )
    if not 1 <= len(names) <= MAX_COMPONENTS:
        raise InputError(
            f"known scene {path.name}: {len(names)} components, 1 to {MAX_COMPONENTS} expected; "
            f"choose some of its nodes: {known}"
        )
    for name in names:
        if len(name) > MAX_NAME_CHARS:
            raise InputError(
                f"known scene {path.name}: node name {name[:40]!r}... has {len(name)} characters, "
                f"at most {MAX_NAME_CHARS} expected; rename the node"
            )
    return names
