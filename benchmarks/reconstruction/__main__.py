"""Views of known parts in, meshes out: the project's stages beside their alternatives, in one run.

    python -m benchmarks.reconstruction run FOLDER --output RUN [--sample 20] [--jobs 2] ...
    python -m benchmarks.reconstruction report RUN
    python -m benchmarks.reconstruction compare RUN[:METHOD] RUN[:METHOD]

FOLDER holds GLBs whose named nodes are the parts. Each part alone is drawn at Zero123++'s poses,
lit as pictures are, and made by each method from these views alone; see ``methods.NAMED``, or
give settings of one's own, as in ``--method smooth:reconstruct.last_laplacian_weight=1.0``. Rows
go to RUN/rows.csv as they come, and a run that is begun again goes on; table and plots go beside
them. Truths are kept in the work folder and shared by runs. ``--warp``, ``--wrong-view`` and
``--grey`` spoil the views as a generator does; ``--input-view`` adds the input image's.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pydantic import ValidationError

from benchmarks.reconstruction import methods, tables
from benchmarks.reconstruction.condition import STUDIO_SHADING, Condition
from benchmarks.reconstruction.parts import Choice, choose, list_parts
from benchmarks.reconstruction.rows import Rows, read_condition, read_rows
from benchmarks.reconstruction.running import Plan, run
from mmpart_core.errors import MMPartError

LEFT_OUT, REPORT = "left-out.txt", "report.md"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks.reconstruction",
                                  description=(__doc__ or "").splitlines()[0])  # fmt: skip
    commands = top.add_subparsers(dest="command", required=True)
    add_run(commands.add_parser("run", help="make parts by methods, then report"))
    again = commands.add_parser("report", help="table and plots of rows that are there")
    again.add_argument("run", type=Path)
    two = commands.add_parser("compare", help="two runs or methods, paired by part and seed")
    two.add_argument("first", metavar="RUN[:METHOD]")
    two.add_argument("second", metavar="RUN[:METHOD]")
    return top


def add_run(command: argparse.ArgumentParser) -> None:
    """Options of ``run``."""
    add = command.add_argument
    add("folder", type=Path, help="GLBs whose nodes are parts")
    add("--output", type=Path, required=True, metavar="RUN")
    add("--work", type=Path, help="where truths are kept; by default 'views' beside RUN")
    add("--methods", nargs="*", default=list(methods.DEFAULT), help=", ".join(methods.NAMED))
    add(
        "--method",
        action="append",
        default=[],
        metavar="NAME:reconstruct.KEY=VALUE,mesh.KEY=..",
        help="settings of one's own; also NAME:stock.model=nerfacto,stock.seconds=60",
    )
    add("--only", action="append", default=[], metavar="OBJECT[/PART]")
    add("--every", type=int, default=1, metavar="K", help="take each Kth part")
    add("--sample", type=int, metavar="N", help="draw N parts, spread over the objects")
    add("--stock-parts", type=int, default=3, metavar="N", help="first N parts by stock models")
    add("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N - 1")
    add("--poses", choices=("v1.1", "v1.2"), default="v1.2")
    add("--views", type=int, default=6)
    add("--input-view", type=float, metavar="DEG",
        help="a further true view from azimuth 0 and this elevation")  # fmt: skip
    add("--size", type=int, default=320, metavar="PX")
    add("--shading", type=float, default=STUDIO_SHADING, help="0 to 1")
    add("--unlit", action="store_const", dest="shading", const=0.0, help="bare base colours")
    add("--warp", type=float, default=0.0, metavar="PX", help="views that disagree")
    add("--wrong-view", choices=("none", "mirrored", "other"), default="none")
    add("--grey", action="store_true", help="grey ground and an imperfect matte")
    add("--timeout", type=int, default=900, metavar="S",
        help="processor seconds per part and method")  # fmt: skip
    add("--jobs", type=int, default=1, help="parts side by side")
    add("--keep", action="store_true", help="keep the meshes, in RUN/meshes")


def condition_of(options: argparse.Namespace) -> Condition:
    """How the views are made."""
    return Condition(
        poses=options.poses,
        views=options.views,
        input_elevation_deg=options.input_view,
        size_px=options.size,
        shading=options.shading,
        warp_px=options.warp,
        wrong_view=options.wrong_view,
        grey=options.grey,
    )


def make_all(options: argparse.Namespace) -> None:
    """Choose, make, report.

    Raises:
        MMPartError: an option that cannot be used.
    """
    condition = condition_of(options)
    chosen = methods.chosen_methods(options.methods, options.method)
    every_part, left_out = list_parts(options.folder)
    choice = Choice(tuple(options.only), options.every, options.sample)
    rows = Rows(options.output, condition)
    plan = Plan(
        folder=options.folder,
        work=options.work or options.output.resolve().parent / "views",
        condition=condition,
        methods=chosen,
        seeds=range(options.seeds),
        parts=choose(every_part, choice),
        all_parts=every_part,
        stock_parts=options.stock_parts,
        limit_s=options.timeout,
        jobs=options.jobs,
        keep=options.output / "meshes" if options.keep else None,
    )
    (options.output / LEFT_OUT).write_text("\n".join(left_out), encoding="utf-8")
    run(plan, rows, lambda line: print(line, flush=True))
    write_report(options.output)


def write_report(folder: Path) -> None:
    """Table and plots of a run's rows; the table is printed too.

    Raises:
        InputError: no rows are there.
    """
    from benchmarks.reconstruction.plots import write_plots

    rows, condition = read_rows(folder), read_condition(folder)
    left_out = (folder / LEFT_OUT).read_text(encoding="utf-8").splitlines()
    text = tables.report(rows, condition, left_out)
    (folder / REPORT).write_text(text, encoding="utf-8")
    write_plots(rows, folder)
    print(text)


def main() -> None:
    """Run the command."""
    options = parser().parse_args()
    try:
        if options.command == "run":
            make_all(options)
        elif options.command == "report":
            write_report(options.run)
        else:
            from benchmarks.reconstruction.comparison import compare, read_side

            print(compare(read_side(options.first), read_side(options.second)))
    except (MMPartError, ValidationError) as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
