"""The folder of attacked rows: written whole beside its place, then renamed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lepton.adversarial_examples.examples import AttackedExamples
from lepton.dataset.inputs.sound import wav
from lepton.errors import LeptonError
from lepton.foreign_text import spreadsheet_safe
from lepton.report.blocks import Report, safe_name
from lepton.report.single_page import MAX_NAME, REPORTS, write_page
from lepton.storage.files import new_folder
from lepton.values.png import png

PAGE, ROWS, INPUTS = "index.html", "rows.csv", "inputs.csv"


def folder_path(run: Path) -> Path:
    """Where the files of a run go, where nothing else is asked for."""
    return REPORTS / f"{safe_name(run.resolve().name)[:MAX_NAME]}-attacked"


def refuse_what_is_there(path: Path) -> None:
    """Raises: LeptonError where something lies already."""
    if path.exists() or path.is_symlink():
        raise LeptonError(f"--out {path}: is there already; remove it, or choose another folder")


def write_folder(examples: AttackedExamples, page: Report, path: Path) -> None:
    """Writes all files, or none.

    Raises: LeptonError when they cannot be written.
    """
    with new_folder(path, f"--out {path}") as new:
        for name, content in _media(examples):
            (new / name).write_bytes(content)
        spreadsheet_safe(examples.rows).to_csv(new / ROWS, index=False)
        if examples.inputs is not None:
            spreadsheet_safe(examples.inputs).to_csv(new / INPUTS, index=False)
        write_page(page, new / PAGE)
        refuse_what_is_there(path)


def _media(examples: AttackedExamples) -> Iterator[tuple[str, bytes]]:
    """Yields the names and contents of pictures and sounds, by the ids of their rows."""
    after = examples.after
    for place, row in enumerate(after["id"].tolist()):
        if "image" in after:
            yield f"{row}.png", png(pixels_of(after["image"][place].numpy()))
        if "video" in after:
            frames = after["video"][place].numpy()
            for number, frame in enumerate(frames):
                yield f"{row}-{number}.png", png(pixels_of(frame))
        if "audio" in after:
            yield f"{row}.wav", wav(samples_of(examples, after, place), rate_of(examples))


def pixels_of(picture: np.ndarray) -> np.ndarray:
    """Pixels as files have them; what shines through is left out.

    Shapes: (C, H, W) -> (H, W) or (H, W, 3).
    """
    if len(picture) == 1:
        return np.ascontiguousarray(picture[0])
    return np.ascontiguousarray(picture[:3].transpose(1, 2, 0))


def samples_of(examples: AttackedExamples, rows: dict, place: int) -> np.ndarray:
    """The samples of a sound, without what was put behind it."""
    return rows["audio"][place, : int(rows["audio_length"][place])].numpy()


def rate_of(examples: AttackedExamples) -> int:
    """Samples of a second."""
    return int(examples.model.spec.inputs["audio"]["rate"])
