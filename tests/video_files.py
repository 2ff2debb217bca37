"""Small files of clips, for tests; their frames are grey, and lighter one after the other."""

from pathlib import Path

import numpy as np

RISE = 12  # of the grey from frame to frame


def grey_frames(count, first=20, size=(32, 48)):
    """Frames of one grey each, in colours. Shapes: (count, H, W, 3)."""
    greys = (first + RISE * np.arange(count)).astype(np.uint8)
    return np.broadcast_to(greys[:, None, None, None], (count, *size, 3)).copy()


def write_clip(path, frames, codec="mpeg4", rate=10):
    """Writes frames as a file of the format of its ending."""
    import av

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_clips(folder, count=6):
    """A folder of two classes of clips: dark ones and light ones."""
    for name, first in (("dark", 0), ("light", 120)):
        for number in range(count):
            write_clip(folder / name / f"{number}.mp4", grey_frames(9, first + 2 * number))
