"""Digests of content: two things with one digest would get the same replies.

Each is the BLAKE2b-128 (hex) of canonical JSON of the parsed content, so that whitespace, comments, key
order, titles and descriptions do not matter.
"""

import json
from hashlib import blake2b
from json.encoder import encode_basestring_ascii

_encode = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=str).encode


def digest(content: object) -> str:
    """Digest anything that JSON can hold."""
    return blake2b(_encode(content).encode(), digest_size=16).hexdigest()


def trial_key(prompt: str, model: str, case: str, variant: str, repeat: int) -> str:
    """Key a trial by the digests of its prompt, model and case, its variant and its repeat."""
    texts = ",".join(map(encode_basestring_ascii, (prompt, model, case, variant)))  # as `digest` would, in fewer steps
    return blake2b(f"[{texts},{repeat}]".encode(), digest_size=16).hexdigest()
