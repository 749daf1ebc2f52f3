"""Which of the commands that the documentation shows run where, and what they need to run."""

import re
from collections.abc import Sequence

# Begins of commands that are not run as they stand: what a test machine lacks, or which test runs
# what they do.
ELSEWHERE = {
    ("make",): "CI runs check and test, tests/docs/test_site.py builds the site; demo is not run",
    (".",): "a shell's own",
    ("export",): "a shell's own",
    ("cd",): "a shell's own",
    ("docker",): "no Docker",
    ("kubectl",): "no Kubernetes",
    ("hf",): "no network",
    ("prefect",): "tests/flows/test_deployment.py, on a server of its own",
    ("dask",): "tests/tasks/test_cluster.py, tests/faults/test_workers.py",
    ("MMPART_PRELOAD_PROFILE=open-weights",): "weights of 28 GB",
    ("mmpart-ns",): "tests/mmpart_core/reconstruct/test_nerfstudio_commands.py",
    ("python",): "benchmarks take up to hours; their figures are on the pages",
    ("mmpart", "studio"): "tests/studio/test_journey.py",
    ("mmpart", "view"): "tests/studio/test_viewing.py",
    ("mmpart", "export-field"): "tests/flows/test_cli_field.py",
}
# Options that ask for what is not here.
NOT_HERE = {
    "open-weights": "weights",
    "my.yaml": "weights",
    "multiview.kind=zero123plus": "weights",
    "mesh.device=cuda": "a GPU",
    "reconstruct.preset=nerfacto": "a GPU, or an hour",
    "plan.base_url=http://localhost:8000/v1": "a model server of one's own",
    "runner=dask": "tests/faults/test_workers.py",
    "tcp://host:8786": "tests/tasks/test_cluster.py",
    "dask": "tests/flows/test_rungs_and_pool.py",
}
# Coarse, so that each command takes seconds; no stage is left out.
COARSE = {
    "input.max_side_px": "256",
    "multiview.outline_px": "64",
    "multiview.size_px": "64",
    "multiview.supersample": "1",
    "reconstruct.preset": "preview",
    "reconstruct.coarse_resolution": "24",
    "reconstruct.resolution": "28",
    "mesh.max_faces": "600",
    "mesh.texture_size_px": "64",
    "whole_object_views": "false",
    "assemble.sweeps": "1",
    "assemble.fine_sweeps": "0",
    "assemble.coarse_px": "64",
    "assemble.depth_steps": "11",
    "assemble.fit_rounds": "2",
    "assemble.order_px": "32",
    "assemble.window_px": "48",
}
# Settings of back-ends that a known scene does without.
OF_IMAGES = ("multiview.outline_px", "assemble.")
BUCKET = re.compile(r"^s3://(assets|bucket)/")


def why_not(words: Sequence[str]) -> str:
    """Why a command is not run beside its page; empty where it is."""
    for begin, reason in ELSEWHERE.items():
        if tuple(words[: len(begin)]) == begin:
            return reason
    return next((NOT_HERE[word] for word in words if word in NOT_HERE), "")


def coarse(words: Sequence[str]) -> list[str]:
    """The settings that make a command take seconds, but for those that it sets itself."""
    if "--resume" in words or "--plan" in words:
        return []  # their settings stand in what they go on from
    own = {word.partition("=")[0] for word in words}
    known_scene = "groundtruth" in words
    return [
        part
        for name, value in COARSE.items()
        if name not in own and not (known_scene and name.startswith(OF_IMAGES))
        for part in ("--set", f"{name}={value}")
    ]
