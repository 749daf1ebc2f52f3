"""``mmpart export``: a made object for other programs; and its folder served to a browser."""

import json
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from flows.cli_run import errors_end
from flows.output_folder import check_folder, names_in, refuse_foreign
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.intake.names import slug
from mmpart_core.storage.fsspec_store import FsspecStore

OBJECT, PAGE, MANIFEST = "object.glb", "index.html", "manifest.json"
Format = Literal["obj", "usdz", "urdf"]
LOOPBACK = "127.0.0.1"
ObjectFolder = Annotated[Path, typer.Argument(metavar="OBJECT", help="Folder of a made object.")]
FormatName = Annotated[
    Format,
    typer.Option(
        "--format",
        help="obj (with materials), usdz (needs usd-core), or urdf: a link per part with visual "
        "and convex collision meshes and inertia, for simulators.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", help="New or empty folder. Default: <OBJECT>-<format> beside OBJECT."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Write there although the folder holds files.")
]
Size = Annotated[
    float,
    typer.Option(
        "--size", min=1e-6, max=1e6, help="Longest side in metres, of usdz and urdf; OBJ has none."
    ),
]
Density = Annotated[
    float, typer.Option(min=1e-3, max=1e6, help="Of all parts, kg/m^3, of urdf; 500 is wood.")
]


def export_object(
    folder: ObjectFolder,
    to: FormatName,
    output: Output = None,
    size_m: Size = 0.5,
    density: Density = 500.0,
    overwrite: Overwrite = False,
) -> None:
    """Write a made object in the format of other programs; parts keep their names."""
    target = output or f"{str(folder).rstrip('/')}-{to}"
    with errors_end(Console(stderr=True)):
        glb = _file_of(folder, OBJECT).read_bytes()
        check_folder(target, "--output")
        if not overwrite:
            refuse_foreign(target, "--output", names_in(target), f"{target}-2")
        from mmpart_core.output.formats.parts import read_parts

        parts = read_parts(glb)
        files = _writer(to, size_m, density)(parts, _name_of(folder))
        place = FsspecStore(target)
        for name, data in files.items():
            place.write_file(name, data)
    told = f"{target}: {len(parts)} parts, {len(files)} files"
    Console(highlight=False, soft_wrap=True).print(told, markup=False)


def check_page(folder: Path) -> None:
    """Refuse (InputError) a folder without a made object's page."""
    _file_of(folder, PAGE)


def serve_folder(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of a folder's files on loopback; nothing outside it is served.

    Args:
        folder: what to serve.
        port: where; 0 for any that is free.

    Raises:
        ConfigError: the port is taken.
    """
    handler = partial(_Quiet, directory=str(folder))
    try:
        return ThreadingHTTPServer((LOOPBACK, port), handler)
    except OSError as error:
        raise ConfigError(
            f"--port {port}: cannot listen there ({error.strerror}); give another, or 0"
        ) from error


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def translate_path(self, path: str) -> str:
        """A file within the folder; what a link leads out of it to is not served."""
        found = Path(super().translate_path(path)).resolve()
        folder = Path(str(self.directory)).resolve()
        return str(found if found.is_relative_to(folder) else folder / "absent")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _file_of(folder: Path, name: str) -> Path:
    path = folder.expanduser() / name
    if not path.is_file():
        raise InputError(
            f"'{folder}': no {name} in it; the folder of a made object expected, as "
            "'mmpart generate --output' writes it"
        )
    return path


def _name_of(folder: Path) -> str:
    """The object's name by its manifest, else the folder's."""
    try:
        manifest: Any = json.loads((folder.expanduser() / MANIFEST).read_bytes())
    except (OSError, ValueError):
        manifest = {}
    named = manifest.get("name") if isinstance(manifest, dict) else None
    return slug(named if isinstance(named, str) else folder.resolve().name)


def _writer(to: Format, size_m: float, density: float) -> Callable[..., dict[str, bytes]]:
    """The function of a format; its libraries are loaded for it alone."""
    if to == "obj":
        from mmpart_core.output.formats.obj import write_obj

        return write_obj
    if to == "usdz":
        from mmpart_core.output.formats.usdz import write_usdz

        return partial(write_usdz, size_m=size_m)
    from mmpart_core.output.formats.urdf import write_urdf

    return partial(write_urdf, size_m=size_m, density=density)
