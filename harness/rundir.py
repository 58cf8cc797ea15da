"""A run on disk: its folder, its manifest and how a RUN argument finds it."""

from __future__ import annotations

from typing import Any

import msgspec

SCHEMA_VERSION = 1

MANIFEST = "manifest.json"
JOURNAL = "journal.jsonl"


class FileDigest(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the run read."""

    path: str  # relative to the project
    sha256: str


class CandidateEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt on one model, as measured. `prompt` and `model` are the validated files without secrets."""

    name: str  # prompt@model
    prompt_name: str
    model_name: str
    prompt: dict[str, Any]  # Prompt.model_dump(mode="json")
    model: dict[str, Any]  # ModelEntry.model_dump(mode="json"); names the key's variable, never the key
    prompt_digest: str
    model_digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is needed to repeat and explain a run."""

    schema_version: int
    run_id: str
    created_utc: str
    suite_name: str
    suite: dict[str, Any]  # Suite.model_dump(mode="json"): labels, reply rule, thresholds, repeats, ...
    suite_digest: str  # of labels, reply rule and cases; runs are comparable when it is the same
    candidates: tuple[CandidateEntry, ...]
    variants: tuple[str, ...]  # `original` first
    repeats: int
    planned_trials: int
    seed: int
    files: tuple[FileDigest, ...]
    versions: dict[str, str]  # python, harness and the packages that touch the wire or the numbers
    platform: str
    git_commit: str | None
    git_dirty: bool | None
    command: tuple[str, ...]
    notes: dict[str, Any] = {}
