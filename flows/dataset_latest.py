"""The latest rows of each object, from all files of a table of outcomes, a few at a time.

What is held of a row that is not being read is a dozen bytes; of an object, its name besides. An
object's rows were written together: they are one *entry*, rows that follow each other in a piece.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from flows.dataset_pieces import Piece

ENTRIES_READ = 5000
_ORDERS = 10**9  # of one run, more than it can have
_FACTS = ["object", "component", "run", "order", "number"]
Numbers = Int[np.ndarray, "N"]  # of entries


class LatestRows:
    """Which rows count: of each object those of its latest run and order, each once.

    Args:
        files: the pieces of each file. Two files may hold the same rows, one file never does.

    Raises:
        StorageError: a file is damaged.
    """

    def __init__(self, files: Sequence[Sequence[Piece]]) -> None:
        self._pieces = [piece for pieces in files for piece in pieces]
        file_of_piece = np.repeat(np.arange(len(files)), [len(pieces) for pieces in files])
        found = [_entries_of(piece) for piece in self._pieces]
        starts, counts, stamps, numbers = (
            np.concatenate([np.zeros(0, int), *(entries[column] for entries in found)])
            for column in range(4)
        )
        pieces = np.repeat(np.arange(len(found)), [len(entries[0]) for entries in found])
        kept = _is_latest([entries[4] for entries in found], stamps, file_of_piece[pieces])
        order = np.flatnonzero(kept)[np.argsort(numbers[kept], kind="stable")]
        self._piece, self._start, self._count = pieces[order], starts[order], counts[order]

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """The rows, in the order of the manifest, each object before its parts.

        Args:
            columns: which; None for all.

        Yields:
            ``pyarrow.Table``, of some thousand objects each.

        Raises:
            StorageError: a file is damaged.
        """
        for first in range(0, len(self._piece), ENTRIES_READ):
            yield self._table(slice(first, first + ENTRIES_READ), columns)

    def _table(self, chosen: slice, columns: Sequence[str] | None) -> Any:
        import pyarrow

        pieces, counts = self._piece[chosen], self._count[chosen]
        rows = _ranges(self._start[chosen], counts)
        piece_of_row = np.repeat(pieces, counts)
        tables = [
            self._pieces[piece](columns).take(rows[piece_of_row == piece])
            for piece in np.unique(pieces)
        ]
        # They are now in the order of their pieces, and each piece's in the order wanted.
        places = np.argsort(np.argsort(piece_of_row, kind="stable"), kind="stable")
        return pyarrow.concat_tables(tables).take(places)


def _entries_of(piece: Piece) -> tuple[Numbers, Numbers, Numbers, Numbers, Any]:
    """Of each entry of a piece: first row, rows, stamp, number in the manifest; and its name."""
    facts = piece(_FACTS)
    is_first = facts["component"].is_null().to_numpy()
    is_first[:1] = True  # the others of its object are in the piece before
    starts = np.flatnonzero(is_first)
    counts = np.diff(np.append(starts, len(is_first)))
    run, order, number = (facts[name].to_numpy()[starts] for name in ("run", "order", "number"))
    return starts, counts, run * _ORDERS + order, number, facts["object"].take(starts)


def _is_latest(names: Sequence[Any], stamps: Numbers, files: Numbers) -> Bool[np.ndarray, "N"]:
    """Of each entry, whether it is its object's latest, and in the first file that has that."""
    import pyarrow

    if not names:
        return np.zeros(0, dtype=bool)
    chunks = [chunk for name in names for chunk in name.chunks]
    encoded = pyarrow.chunked_array(chunks).combine_chunks().dictionary_encode()
    objects = encoded.indices.to_numpy()
    newest = np.full(len(encoded.dictionary), -1)
    np.maximum.at(newest, objects, stamps)
    latest = stamps == newest[objects]
    first = np.full(len(newest), np.iinfo(np.int64).max)
    np.minimum.at(first, objects[latest], files[latest])
    return latest & (files == first[objects])


def _ranges(starts: Numbers, counts: Numbers) -> Int[np.ndarray, "R"]:
    """The rows of entries: ``counts[i]`` numbers from ``starts[i]``, one entry after another."""
    ends = np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(starts - (ends - counts), counts)
