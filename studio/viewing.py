"""``mmpart view``: an object's page in the browser, from its folder or by its name in the store."""

import webbrowser
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rich.console import Console

from flows.cli_export import LOOPBACK, PAGE, check_page, serve_folder
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.intake.names import comparable, slug
from mmpart_core.output.bundle import own_files
from mmpart_core.output.manifest import MANIFEST_FILE
from mmpart_core.quoting import quoted, quoted_list
from mmpart_core.storage.opening import open_store
from studio.library import ObjectLibrary

_MEDIA = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "glb": "model/gltf-binary",
}


def view(wanted: str, store_url: str, port: int, browser: bool) -> None:
    """Serve an object's page on this machine until Ctrl-C.

    Args:
        wanted: its folder, or what it is called in the studio.
        store_url: where the studio's objects are.
        port: 0 for any that is free.
        browser: whether to open the browser on it.

    Raises:
        InputError: there is no such object, or it is not finished.
        ConfigError: the port is taken.
        StorageError: the store cannot be read.
    """
    server = open_server(wanted, store_url, port)
    with server:
        address = f"http://{LOOPBACK}:{server.server_port}/{PAGE}"
        Console(highlight=False, soft_wrap=True).print(address, markup=False)
        if browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def open_server(wanted: str, store_url: str, port: int) -> ThreadingHTTPServer:
    """A server of an object's files on loopback; see ``view``.

    Raises:
        InputError, ConfigError, StorageError: see ``view``.
    """
    folder = Path(wanted).expanduser()
    if folder.is_dir():
        check_page(folder)
        return serve_folder(folder, port)
    library = ObjectLibrary(open_store(store_url))
    object_id = find_object(library, wanted)
    listed = own_files(library.file(object_id, MANIFEST_FILE)) | {MANIFEST_FILE}
    if PAGE not in listed:
        raise InputError(
            f"object {quoted(wanted)}: not finished; make it in the studio first, then look at it"
        )
    read = partial(library.file, object_id)
    handler = partial(_StoredFiles, listed, read)
    try:
        return ThreadingHTTPServer((LOOPBACK, port), handler)
    except OSError as error:
        raise ConfigError(
            f"--port {port}: cannot listen there ({error.strerror}); give another, or 0"
        ) from error


def find_object(library: ObjectLibrary, wanted: str) -> str:
    """The id of the newest object of a name; of one with all the words, where none is called so.

    Args:
        library: the studio's objects.
        wanted: the name, in any case.

    Raises:
        InputError: there is none; names those there are.
        StorageError: the store cannot be listed.
    """
    names = library.names()
    exact = comparable(slug(wanted))
    found = [each for each, name in names.items() if comparable(name) == exact]
    found = found or library.ids(wanted)
    if found and wanted.strip():
        return found[0]
    known = list(dict.fromkeys(names.values()))
    there = f"it holds {quoted_list(known)}" if known else "no object was made in it yet"
    raise InputError(
        f"object {quoted(wanted)}: neither a folder nor an object of store "
        f"'{library.store.url}' ({there}); give the folder that 'mmpart generate --output' wrote, "
        "or --store of the studio's store"
    )


class _StoredFiles(BaseHTTPRequestHandler):
    """Gives the files that an object's manifest lists, wherever the store is.

    Args:
        listed: their names.
        read: gives the content of one, None where it is gone.
    """

    def __init__(
        self, listed: set[str], read: Callable[[str], bytes | None], *args: Any, **more: Any
    ) -> None:
        self._listed = listed
        self._read = read
        super().__init__(*args, **more)

    def do_GET(self) -> None:
        """Answer with a file, or 404."""
        name = unquote(urlsplit(self.path).path).lstrip("/") or PAGE
        data = self._read(name) if name in self._listed else None
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", _MEDIA.get(name.rsplit(".", 1)[-1], "text/plain"))
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
