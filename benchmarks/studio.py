"""What a user of the studio waits for, and what its pages weigh, in headless Chromium.

    python -m benchmarks.studio examples/mug-with-lid --set reconstruct.preset=preview

Starts ``mmpart studio`` on an empty store with a Prefect server of its own, makes the example by
its form, loads its pages, makes it again with another mesh setting, and makes its first part once
more with another seed. Prints one line of JSON: milliseconds are the medians of three loads without
the browser's cache, seconds are from the click to the 3D view that can be turned. Accessibility is
axe-core's, each page light and dark. ``--pictures PREFIX`` keeps screenshots.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "viewer" / "test" / "studio_times.mjs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BUNDLES = {
    "studio": sorted((ROOT / "studio" / "static").iterdir()),
    "viewer": [ROOT / "mmpart_core" / "output" / "assets" / "viewer.js"],
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("example", type=Path, help="folder with image.png and components.yaml")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--mesh", default="mesh.max_faces=2000", help="the other mesh setting")
    parser.add_argument("--pictures", help="prefix of screenshots")
    arguments = parser.parse_args()
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        sys.exit("no chromium on the path; install it")
    with tempfile.TemporaryDirectory() as folder, studio_in(Path(folder)) as address:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps(job_of(arguments)))
        command = ["node", str(SCRIPT), browser, address, str(arguments.example / "image.png"), job]
        if arguments.pictures:
            command.append(arguments.pictures)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout)
    print(json.dumps({**figures, "bundles": bundle_sizes()}))


def job_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the form is filled with."""
    listed = yaml.safe_load((arguments.example / "components.yaml").read_text(encoding="utf-8"))
    rows = [
        [entry["name"], entry.get("hidden", ""), region_text(entry.get("region") or {})]
        for entry in listed["components"]
    ]
    return {
        "name": arguments.example.name,
        "rows": rows,
        "settings": arguments.settings,
        "mesh": arguments.mesh,
    }


def region_text(region: dict[str, Any]) -> str:
    """A region of a component list as the form takes it."""
    for kind, numbers in region.items():
        if kind == "box":
            return f"box {' '.join(map(str, numbers))}"
        if kind in ("points", "polygon"):
            return f"{kind} {' '.join(f'{x},{y}' for x, y in numbers)}"
    return ""


@contextmanager
def studio_in(folder: Path) -> Generator[str]:
    """``mmpart studio`` with its store in a folder; its address."""
    environment = {**os.environ, "PREFECT_HOME": str(folder / "prefect")}
    environment.pop("PREFECT_API_URL", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "studio.command", "studio", "--port", "0",
         "--store", str(folder / "store")],
        stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    if process.stderr is None:
        sys.exit("the studio's output cannot be read")
    lines = iter(process.stderr.readline, "")
    address = next((line.strip() for line in lines if line.startswith("http://")), None)
    if address is None:
        sys.exit("the studio did not start")
    reading = threading.Thread(target=process.stderr.read)
    reading.start()
    try:
        yield address.rstrip("/")
    finally:
        process.terminate()
        process.wait()
        reading.join()


def bundle_sizes() -> dict[str, dict[str, int]]:
    """Bytes of what browsers load, as it lies and packed by gzip."""
    found: dict[str, dict[str, int]] = {}
    for name, files in BUNDLES.items():
        contents = [path.read_bytes() for path in files]
        found[name] = {
            "bytes": sum(map(len, contents)),
            "gzip_bytes": sum(len(gzip.compress(content)) for content in contents),
        }
    return found


if __name__ == "__main__":
    main()
