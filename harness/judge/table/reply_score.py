"""How sure a reply is of the positive label: by its endpoint, by its JSON text, or by its logprobs."""

import math
from collections.abc import Iterable, Sequence

from harness.judge.labels import DECORATION, LabelReader, at_pointer, document_of, number_in
from harness.record import Reply, TokenLogprob


class ScoreReader(LabelReader):
    """A reader of labels that reads scores, too; for that it needs the names that it compares."""

    def may_score(self, replies: Sequence[Reply]) -> bool:
        """Tell whether one of some replies may have a score: from its endpoint, its text or its logprobs."""
        return self._rule.score is not None or bool([one for one in replies if one.logprobs or one.score is not None])

    def score(self, reply: Reply, positive: str, label: str | None) -> float:
        """Give the score of the positive label: the endpoint's, the reply's, or from logprobs; NaN when none.

        A number that the endpoint or the JSON reply gives is taken as it is. From logprobs it is the softmax
        over the label words among the alternatives at the place where the label begins; where only one
        label's word is among them, its own probability (or one minus it, when it is not the positive one).
        """
        if reply.score is not None:
            return reply.score if math.isfinite(reply.score) else math.nan
        if self._rule.score is not None and self._rule.as_ == "json":
            return number_in(at_pointer(document_of(self.answer(self.source(reply)).text), self._rule.score))
        if reply.logprobs and label is not None:
            return self._from_logprobs(reply, positive, label)
        return math.nan

    def _from_logprobs(self, reply: Reply, positive: str, label: str) -> float:
        start = self._start(reply.text, label)
        if start is None:
            return math.nan
        mass = self._mass(_tokens_from(reply.logprobs, start))
        total = sum(mass.values())
        if total <= 0:
            return math.nan
        if len(mass) == 1:
            only = min(total, 1.0)
            return only if positive in mass else 1.0 - only
        return mass.get(positive, 0.0) / total

    def _start(self, text: str, label: str) -> int | None:
        """Give where the label's name begins in the text as sent, or None when it is written otherwise."""
        low, answer = text.casefold(), self.answer(text)
        if len(low) != len(text):
            return None
        begin = max(text.rfind(answer.text.strip()), 0) if answer.thought else 0
        quoted = [f'"{name}"' for name, of in self._names.items() if of == label]
        for name in sorted(quoted, key=len, reverse=True):
            if (at := low.find(name.casefold(), begin)) >= 0:
                return at + 1
        bare = sorted((name[1:-1] for name in quoted), key=len, reverse=True)
        found = [at for name in bare if (at := low.find(name.casefold(), begin)) >= 0]
        return min(found, default=None)

    def _mass(self, tokens: Iterable[TokenLogprob]) -> dict[str, float]:
        """Sum the probability of each label over the words that tell it from the others."""
        mass: dict[str, float] = {}
        written, weight = "", 1.0
        for token in tokens:
            seen = dict(token.top)
            seen.setdefault(token.token, token.logprob)
            for word, logprob in seen.items():
                labels = self._begun(written + word)
                if len(labels) == 1:
                    (label,) = labels
                    mass[label] = mass.get(label, 0.0) + weight * math.exp(min(logprob, 0.0))
            written += token.token
            weight *= math.exp(min(token.logprob, 0.0))
            if len(self._begun(written)) < 2:
                break
        return mass

    def _begun(self, text: str) -> set[str]:
        whole = self._normalise(text).strip()
        for word in (whole, whole.strip(DECORATION)):
            begun = {label for name, label in self._names.items() if word and name.startswith(word)}
            if begun:
                return begun
        return set()


def _tokens_from(tokens: Sequence[TokenLogprob], start: int) -> list[TokenLogprob]:
    """Give the tokens from the one that holds the character at `start`."""
    at = 0
    for index, token in enumerate(tokens):
        at += len(token.token)
        if at > start:
            return list(tokens[index:])
    return []
