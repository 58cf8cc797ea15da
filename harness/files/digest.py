"""Digests of content: two things with one digest would get the same replies.

Each is the BLAKE2b-128 (hex) of canonical JSON of the parsed content, so that whitespace, comments, key
order, titles and descriptions do not matter.
"""

import json
from functools import lru_cache
from hashlib import blake2b
from json.encoder import encode_basestring_ascii

_encode = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=str).encode


def digest(content: object) -> str:
    """Digest anything that JSON can hold."""
    return blake2b(_encode(content).encode(), digest_size=16).hexdigest()


def trial_key(prompt: str, model: str, case: str, variant: str, repeat: int) -> str:
    """Key a trial by the digests of its prompt, model and case, its variant and its repeat."""
    hashed = _begun(prompt, model).copy()  # as `digest` would, in fewer steps
    hashed.update(f"{encode_basestring_ascii(case)},{encode_basestring_ascii(variant)},{repeat}]".encode())
    return hashed.hexdigest()


@lru_cache
def _begun(prompt: str, model: str) -> blake2b:
    return blake2b(f"[{encode_basestring_ascii(prompt)},{encode_basestring_ascii(model)},".encode(), digest_size=16)
