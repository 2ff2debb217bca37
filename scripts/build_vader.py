"""Writes lepton/dataset/vader.parquet from the texts and ratings that VADER's archive carries.

    pip download vaderSentiment==3.3.2 --no-deps --no-binary :all:
    python scripts/build_vader.py vaderSentiment-3.3.2.tar.gz

HTML entities become characters; nothing else of a text changes.
"""

import argparse
import hashlib
import html
import io
import tarfile
from pathlib import Path

import pandas as pd

PATH_IN_ARCHIVE = "additional_resources/hutto_ICWSM_2014.tar.gz"
SOURCE_SHA256 = "d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa"
OUT = Path(__file__).resolve().parents[1] / "lepton" / "dataset" / "vader.parquet"
SOURCES = {  # name in the archive, and how many texts its description counts
    "tweets": ("tweets", 4200),
    "reviews": ("amazonReviewSnippets", 3708),
    "films": ("movieReviewSnippets", 10605),
    "news": ("nytEditorialSnippets", 5190),
}


def read_source(path: Path) -> bytes:
    """Reads the archive of the paper's data, out of the package's archive or alone.

    Raises: ValueError when it is another one.
    """
    data = path.read_bytes()
    if not path.name.startswith("hutto"):
        with tarfile.open(path) as archive:
            member = next(m for m in archive if m.name.endswith(PATH_IN_ARCHIVE))
            data = archive.extractfile(member).read()
    if hashlib.sha256(data).hexdigest() != SOURCE_SHA256:
        raise ValueError(f"not the archive this script was written for (sha256 {SOURCE_SHA256})")
    return data


def build(data: bytes) -> pd.DataFrame:
    """One row a text: source, document, rating and text.

    The sentences of one review or article share their document.

    Raises: ValueError when the archive does not hold what its description says.
    """
    all_rows = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for name, (stem, count) in SOURCES.items():
            member = next(m for m in archive if m.name.endswith(f"{stem}_GroundTruth.txt"))
            lines = archive.extractfile(member).read().decode("utf-8-sig").splitlines()
            rows = [line.split("\t", 2) for line in lines]
            if len(rows) != count:
                raise ValueError(f"{member.name}: {len(rows)} texts, expected {count}")
            for text_id, rating, text in rows:
                document = f"{name} {text_id.split('_')[0]}"
                all_rows.append((name, document, float(rating), text))
    frame = pd.DataFrame(all_rows, columns=["source", "document", "rating", "text"])
    if not frame["rating"].between(-4, 4).all():
        raise ValueError("ratings must lie between -4 and 4")
    frame["text"] = frame["text"].map(html.unescape).str.strip()
    return frame.assign(rating=frame["rating"].round(4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="vaderSentiment-3.3.2.tar.gz")
    frame = build(read_source(parser.parse_args().source))
    frame.to_parquet(OUT, compression="zstd", compression_level=19, index=False)
    print(f"{OUT}: {len(frame)} texts, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
