"""``mmpart write-views``: a GLB as posed views, for nerfstudio's methods."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli_run import errors_end
from flows.output_folder import check_folder, names_in, refuse_foreign
from mmpart_core.nerfstudio_views import (
    MAX_VIEWS,
    SIZE_RANGE_PX,
    PoseSet,
    ViewOptions,
    write_scene_views,
)

ScenePath = Annotated[
    Path, typer.Argument(metavar="GLB", help="What to draw; 'mmpart generate' makes such files.")
]
FolderPath = Annotated[Path, typer.Argument(metavar="OUT", help="New or empty folder.")]
NodeName = Annotated[str | None, typer.Option(help="Only this node of the GLB. Default: all.")]
Poses = Annotated[
    PoseSet, typer.Option("--pose-set", help="Whose elevations and lens the cameras have.")
]
Views = Annotated[
    int,
    typer.Option(min=2, max=MAX_VIEWS, help="Views to train on, evenly around; 6 are Zero123++'s."),
]
HeldOut = Annotated[
    int,
    typer.Option(min=0, max=MAX_VIEWS, help="More views, kept for evaluation (ns-eval)."),
]
Size = Annotated[
    int,
    typer.Option(min=SIZE_RANGE_PX[0], max=SIZE_RANGE_PX[1], help="Side of a view in pixels."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Write there although the folder holds files.")
]


def write_views(
    scene: ScenePath,
    output: FolderPath,
    node: NodeName = None,
    pose_set: Poses = "zero123plus-v1.2",
    views: Views = 6,
    held_out: HeldOut = 0,
    size: Size = 320,
    overwrite: Overwrite = False,
) -> None:
    """Draw a GLB from around it: a folder of posed views (transforms.json, PNGs with alpha)."""
    options = ViewOptions(pose_set=pose_set, views=views, held_out=held_out, size_px=size)
    with errors_end(Console(stderr=True)):
        check_folder(str(output), "OUT")
        if not overwrite:
            refuse_foreign(str(output), "OUT", names_in(str(output)), f"{output}-2")
        written = write_scene_views(scene, output, options, node=node)
    kept = f", {held_out} more for evaluation" if held_out else ""
    what = (
        f"node '{written.nodes[0]}'" if len(written.nodes) == 1 else f"{len(written.nodes)} nodes"
    )
    told = f"{output}: {views} views of {what}, {size} x {size} px{kept}"
    Console(highlight=False, soft_wrap=True).print(told, markup=False)
