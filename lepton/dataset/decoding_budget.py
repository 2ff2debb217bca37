"""DecodingBudget: what data sets share whose files are decoded: how much of that may be kept."""

from collections.abc import Iterator

from lepton.dataset.data import Data
from lepton.dataset.inputs.decoded import DecodedInputs
from lepton.dataset.load.streaming import GIGABYTE, FileSource, excess_of, excess_words
from lepton.errors import DataError
from lepton.storage.cache_limit import limit_bytes
from lepton.storage.machine_memory import usable_memory


class DecodingBudget(Data):
    """Has files decoded whenever their rows are asked for, where a budget of the disk is too small.

    Of rows that come from no `stream_source`, what is kept and exceeds the budget of memory is
    taken from the disk whenever it is asked for.
    """

    cache_gb: float | None = None  # that decoded files may take of the disk
    decoding_threads: int  # that decode them while training, where they would take more

    def decoded_kinds(self) -> Iterator[DecodedInputs]:
        """Yields the kinds whose columns hold files, those that no model reads too."""
        for kind in (*self.inputs, *self.unread_inputs):
            if isinstance(kind, DecodedInputs):
                yield kind

    def file_bytes(self) -> int | None:
        """What the files of a row become at most; None where the files decide."""
        sizes = [kind.file_bytes for kind in self.decoded_kinds()]
        return None if None in sizes else sum(filter(None, sizes))

    def decoded_bytes(self, source: FileSource | None) -> int | None:
        """What all files become at most; None where that is not known before."""
        return source and source.bytes

    def decode_by_batch(self, source: FileSource | None, copies: int) -> str | None:
        size = self.decoded_bytes(source)
        if size is None:
            self._refuse_budget()
            return None
        if excess := self.disk_excess(size * copies):
            self._refuse_large_files()
            for kind in self.decoded_kinds():
                kind.decoding_threads = self.decoding_threads
            threads = f"{self.decoding_threads} threads" if self.decoding_threads else "each step"
            return f"their files, which {threads} decode anew: they would take {excess}"
        if source is None and (excess := excess_of(size, self.memory_gb)):
            for kind in self.decoded_kinds():
                kind.takes_by_row = True
            return f"the cache of decoded files: they would take {excess}"
        return None

    def disk_excess(self, size: int) -> str | None:
        """What decoded files take of the disk, in words, where it is more than the budget."""
        given = self.cache_gb
        budget = limit_bytes() if given is None else given * GIGABYTE
        return excess_words(size, given, budget, "disk", "cache_gb")

    def _refuse_budget(self) -> None:
        """Raises: DataError for a budget of files of which it is not known what they become."""
        if self.cache_gb is None:
            return
        unknown = [kind for kind in self.decoded_kinds() if kind.file_bytes is None]
        keys = [f"{kind.node}.{key}" for kind in unknown for key in kind.bounding_keys]
        wanted = f"give {' and '.join(keys)}" if keys else "its class reads them in its own way"
        raise DataError(
            f"dataset.cache_gb={self.cache_gb:g}: what the files become is not known before they "
            f"are decoded; {wanted}"
        )

    def _refuse_large_files(self) -> None:
        """Raises: DataError where memory does not hold what one file becomes."""
        sizes = [kind.file_bytes or 0 for kind in self.decoded_kinds()]
        if (size := max(sizes, default=0)) > (memory := usable_memory()):
            raise DataError(
                f"one file would become {size / GIGABYTE:.3g} GB, and this machine has "
                f"{memory / GIGABYTE:.3g} GB of memory; ask for less, as by a smaller dataset.size"
            )
