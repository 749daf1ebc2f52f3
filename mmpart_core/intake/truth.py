"""A request made of a known scene: the image is drawn, the components are the scene's nodes."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from mmpart_core.errors import InputError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.truth_scene import read_truth
from mmpart_core.intake.components import MAX_COMPONENTS
from mmpart_core.intake.files import read_limited
from mmpart_core.intake.names import MAX_NAME_CHARS, comparable, slug
from mmpart_core.quoting import quoted, quoted_list
from mmpart_core.records import ComponentRequest, InputView, ObjectRequest, TruthScene
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.blob_store import BlobStore

# Scans with several 8k textures stay below; all of it is decoded in memory.
MAX_BYTES = 512_000_000
_SUPERSAMPLE = 3
# Python's own default for close matches (difflib.get_close_matches).
_LEAST_LIKENESS = 0.6


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
        components: the nodes to make, in this order; all, in the file's order, by default. Names
            may differ from the scene's in case, spaces and Unicode form where only one node reads
            so; the request has the scene's. The image shows the whole scene in any case.
        shading: 0 draws bare base colours; up to 1 blends in a soft studio light.

    Raises:
        InputError: no such file, not a GLB, no meshes, more nodes than a request may have, a
            component that is no node or is named twice, an image size that is too small.
        StorageError: the store cannot be written.
    """
    path = Path(path)
    return request_from_scene(
        read_limited(path, "known scene", MAX_BYTES, "export it with smaller textures"),
        f"known scene '{path.name}'",
        view=view, store=store, name=name or path.stem, size_px=size_px, components=components,
        shading=shading,
    )  # fmt: skip


def request_from_scene(
    data: bytes,
    what: str,
    *,
    view: InputView,
    store: BlobStore,
    name: str,
    size_px: int = 640,
    components: Sequence[str] | None = None,
    shading: float = 0.0,
) -> ObjectRequest:
    """``request_from_truth`` on a GLB in memory.

    Args:
        data: the GLB, one named node per component.
        what: what the scene is called in messages.
        view: the input camera.
        store: where the image and the scene go.
        name: name of the object, before it is made file-safe.
        size_px: side of the drawn image.
        components: the nodes to make.
        shading: see ``request_from_truth``.

    Raises:
        InputError, StorageError: as ``request_from_truth``.
    """
    if size_px < 16:
        raise InputError(f"{what}: image of {size_px} px, at least 16 expected")
    geometry = read_truth(data, what)
    truth = TruthScene(scene=store.put(data, glb.GLB_MEDIA))
    nodes = _chosen_nodes(what, geometry.names, components)
    camera = cameras.orbit_camera(view.azimuth_deg, view.elevation_deg, view.fov_deg, size_px)
    picture = geometry.render_scene.render(camera, supersample=_SUPERSAMPLE, shading=shading)
    return ObjectRequest(
        name=slug(name),
        image=codecs.put_image(store, picture.rgba),
        components=tuple(ComponentRequest(name=node) for node in nodes),
        view=view,
        truth=truth,
    )


def _chosen_nodes(
    what: str, known: tuple[str, ...], components: Sequence[str] | None
) -> tuple[str, ...]:
    """Node names that become components, checked."""
    nodes = known if components is None else tuple(_node(name, known, what) for name in components)
    twice = sorted({node for node in nodes if nodes.count(node) > 1})
    if twice:
        raise InputError(
            f"{what}: each component may be named once, but {quoted_list(twice)} came more than "
            "once (case and spaces do not tell names apart); leave out the others"
        )
    if not 1 <= len(nodes) <= MAX_COMPONENTS:
        raise InputError(
            f"{what}: {len(nodes)} components, 1 to {MAX_COMPONENTS} expected; choose some of its "
            f"nodes: {quoted_list(known)}"
        )
    for node in nodes:
        if len(node) > MAX_NAME_CHARS:
            raise InputError(
                f"{what}: node name {quoted(node, 40)} has {len(node)} characters, at most "
                f"{MAX_NAME_CHARS} expected; rename the node"
            )
    return nodes


def _node(name: str, known: Sequence[str], what: str) -> str:
    """The node that a name means: written the same way, else the only one that reads the same."""
    if name in known:
        return name
    alike = [node for node in known if comparable(node) == comparable(name)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise InputError(
            f"{what}: {quoted(name)} may be any of {quoted_list(alike)}; write the name as the "
            "scene does"
        )
    readable = {comparable(node): node for node in known}
    near = difflib.get_close_matches(comparable(name), readable, n=3, cutoff=_LEAST_LIKENESS)
    meant = f"did you mean {quoted_list(readable[key] for key in near)}? " if near else ""
    raise InputError(
        f"{what}: no node named {quoted(name)}; {meant}it has {quoted_list(known, MAX_COMPONENTS)}"
    )
