"""``mmpart export-field``: a run of nerfstudio's to a GLB."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli_run import errors_end
from flows.output_folder import check_folder
from mmpart_core.errors import ConfigError

RunPath = Annotated[
    Path, typer.Argument(help="config.yml of a finished run of ns-train mmpart-part.")
]
GlbPath = Annotated[Path, typer.Option("--output", "-o", help="The GLB to write.")]
ViewsPath = Annotated[
    Path | None, typer.Option(help="The views, where they have moved since the run.")
]
NodeName = Annotated[str, typer.Option(help="Name of the GLB's node.")]
MeshKind = Annotated[str, typer.Option("--mesh", help="Mesh back-end; see 'mmpart profiles'.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the GLB if it is there.")]


def export_field(
    run: RunPath,
    output: GlbPath = Path("part.glb"),
    views: ViewsPath = None,
    name: NodeName = "part",
    mesh: MeshKind = "flexicubes",
    overwrite: Overwrite = False,
) -> None:
    """Mesh what ns-train mmpart-part trained: a textured GLB in the frame of its views."""
    console = Console(stderr=True)
    with errors_end(console):
        _check_output(output, overwrite)
        from mmpart_core.nerfstudio_export import export_run

        made = export_run(run, output, name=name, views=views, kind=mesh)
    for warning in made.warnings:
        console.print(f"warning: {warning}", markup=False, highlight=False)
    closed = "watertight" if made.facts.watertight else "not watertight"
    told = f"{output}: {len(made.surface.mesh.faces)} faces, {closed} ({made.surface.method})"
    Console(highlight=False, soft_wrap=True).print(told, markup=False)


def _check_output(output: Path, overwrite: bool) -> None:
    """Refuse a place before the work that is meant for it.

    Raises:
        ConfigError: a folder, a file that would be lost, or a place that cannot be written.
    """
    check_folder(str(output.parent), "--output")
    if output.is_dir():
        raise ConfigError(f"--output '{output}': this is a folder, a file expected; name one in it")
    if output.exists() and not overwrite:
        raise ConfigError(
            f"--output '{output}': is there already; give another, or --overwrite to replace it"
        )
