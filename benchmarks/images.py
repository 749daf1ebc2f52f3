"""Published pictures through the whole method, with component lists drawn by hand.

    python -m benchmarks.images FOLDER [--output out/images] [--only NAME] [--set SETTING=VALUE]

Run from the repository's root. The pictures belong to others and are not in the repository:
``PICTURES`` says where each one was published; any folder below FOLDER may hold it, under its
published name. Those that are absent, or not byte for byte the published one, are skipped and
named. Each of the others goes through ``mmpart generate`` with the profile ``local`` and its list
in ``benchmarks/images/``, which leaves a result folder with pictures and a page to look at.

There is no truth to compare with: the table tells how much was made, how well its silhouette
meets the picture's (IoU of the whole object, and of the worst part), and what it cost.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTS = Path(__file__).with_suffix("")
FINISHED_INCOMPLETE = 3  # exit status: some parts failed, and the others were written


@dataclass(frozen=True)
class Picture:
    """A published picture.

    Attributes:
        repository: of GitHub, and the commit it was taken from.
        path: in the repository; its last part is the file's name.
        digest: of the file, as ``sha256:`` and hexadecimal digits.
        elevation_deg: of its camera, estimated by eye.
    """

    repository: str
    path: str
    digest: str
    elevation_deg: float = 0.0

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.path.rsplit("/", maxsplit=1)[-1]


_PARTCRAFTER = "wgsxm/PartCrafter@269bd4164fbe35b17a6e58f8d6934262822082eb"
_INSTANTMESH = "TencentARC/InstantMesh@08822c52fdc399b93ea00e4fa9e596344ed52ccc"
_TRELLIS = "microsoft/TRELLIS@6b0d64751ad54d9c32d7b05fec482eb29178f56f"
PICTURES: dict[str, Picture] = {
    "minifigure": Picture(
        _PARTCRAFTER,
        "assets/images/np5_b81f29e567ea4db48014f89c9079e403.png",
        "sha256:d45e657d14c93844ef02f73e9ecc9d8997d49c7b5490e5de95e5fff69620d235",
    ),
    "teapot": Picture(
        _INSTANTMESH,
        "examples/mushroom_teapot.jpg",
        "sha256:5dcafa78fa5798f4b5d4dfdcb46e228dbba262a646eac1acea310e2852c1b950",
        elevation_deg=10.0,
    ),
    "robot": Picture(
        _INSTANTMESH,
        "examples/robot.jpg",
        "sha256:aa3436aa1cd9925522d11d8d597e3942282b5a75e9b4e82062de204c2f0080b0",
    ),
    "dwarf": Picture(
        _TRELLIS,
        "assets/example_image/typical_humanoid_dwarf.png",
        "sha256:a4a7c157d5d8071128c27594e45a7a03e5113b3333b7f1c5ff1379481e3e0264",
    ),
    "extinguisher": Picture(
        _PARTCRAFTER,
        "assets/images/np3_c25308e36b3a4c6d9745e01fb34a93a1.png",
        "sha256:9922331dd7a7a3be680ef0aab4a3ea53921429db99922fae64aa20bece6226ff",
    ),
}


@dataclass(frozen=True)
class Row:
    """What came of one picture.

    Attributes:
        components: how many were asked for.
        made: how many parts are in the result.
        object_iou: overlap of the whole silhouette with the picture's; None where not measured.
        worst_iou: the lowest of a part; None where none was measured.
        seconds: wall time of the command, with its start.
    """

    components: int
    made: int
    object_iou: float | None
    worst_iou: float | None
    seconds: float


def find_picture(folder: Path, picture: Picture) -> Path | None:
    """The file anywhere below a folder that is the published one; None where there is none."""
    for path in sorted(folder.rglob(picture.file)):
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if f"sha256:{digest}" == picture.digest:
                return path
    return None


def generate_command(name: str, image: Path, output: Path, settings: Sequence[str]) -> list[str]:
    """The command that makes the result of one picture.

    Args:
        name: of the picture, in ``PICTURES``.
        image: its file.
        output: folder of all results; the store is beside them.
        settings: as ``mmpart generate --set`` takes them.
    """
    command = [sys.executable, "-m", "flows.cli", "generate", str(image.resolve())]
    command += ["--components", str(LISTS / f"{name}.yaml"), "--profile", "local", "--name", name]
    command += ["--camera", f"elevation={PICTURES[name].elevation_deg:g}"]
    command += ["--store", str(output.resolve() / "store"), "-o", str(output.resolve() / name)]
    return command + [f"--set={setting}" for setting in settings]


def read_row(folder: Path, seconds: float) -> Row:
    """The figures of one result folder.

    Args:
        folder: written by ``mmpart generate``.
        seconds: that the command took.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    parts = manifest["parts"]
    ious = [part["silhouette_iou"] for part in parts if part.get("silhouette_iou") is not None]
    return Row(
        components=len(parts),
        made=sum(part["state"] == "made" for part in parts),
        object_iou=(manifest["assembly"] or {}).get("silhouette_iou"),
        worst_iou=min(ious, default=None),
        seconds=seconds,
    )


def report(rows: Mapping[str, Row]) -> None:
    """Print a table."""
    print(f"\n{'':14}{'parts made':>11}{'silhouette IoU':>16}{'worst part':>12}{'seconds':>9}")
    for name, row in rows.items():
        whole, worst = (
            "-" if iou is None else f"{iou:.3f}" for iou in (row.object_iou, row.worst_iou)
        )
        made = f"{row.made} of {row.components}"
        print(f"{name:14}{made:>11}{whole:>16}{worst:>12}{row.seconds:9.0f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make and measure the pictures that are there.

    Args:
        arguments: of the command line; this process's where not given.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("out/images"))
    parser.add_argument("--only", choices=sorted(PICTURES), action="append")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    options = parser.parse_args(arguments)
    rows: dict[str, Row] = {}
    for name in options.only or PICTURES:
        picture = PICTURES[name]
        image = find_picture(options.folder, picture)
        if image is None:
            print(
                f"{name}: skipped: {picture.file} as published ({picture.repository}, "
                f"{picture.path}) is not below {options.folder}"
            )
            continue
        started = time.perf_counter()
        command = generate_command(name, image, options.output, options.settings)
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        seconds = time.perf_counter() - started
        if status not in (0, FINISHED_INCOMPLETE):
            print(f"{name}: mmpart generate ended with status {status}")
            continue
        rows[name] = read_row(options.output / name, seconds)
    if rows:
        report(rows)


if __name__ == "__main__":
    main()
