"""The expression language of thresholds: `recall[spam] where tag=short >= 85%`.

threshold  = metric [selector] ["where" filter {"and" filter}] op bound
metric     = name ["." part] | name "(" argument ")" | name "^" integer
selector   = "[" label or perturbation "]"
filter     = "tag=" tag | "split=" split
op         = ">=" | "<=" | ">" | "<"
bound      = number [unit] | "baseline" [("-"|"+") number [unit] | "*" number] | "majority" (accuracy only)

A label, perturbation, tag or split that holds a bracket or (in a filter) a space or `<` stands in quotes.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.files.thresholds import metrics
from harness.files.thresholds.fixes import argument_fix, bound_fix, filter_fix, metric_fix, operator_fix
from harness.files.thresholds.scanner import Scanner, ThresholdError
from harness.files.written import units
from harness.files.written.findings import did_you_mean, shortlist, shown

_LONGEST = 500

_OPS: dict[str, metrics.Op] = {">=": ">=", "<=": "<=", ">": ">", "<": "<"}
_NAME = re.compile(
    r"cost\s+per\s+(?:1000|1,000|correct)|tokens\s+per\s+case|[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"
)
_IN_BRACKETS = re.compile(r"[^\]]*")
_WORD = re.compile(r"[^\s<>=\"']+")
_OPERATOR = re.compile(r">=|<=|>|<")


@dataclass(frozen=True, slots=True)
class Known:
    """What may be named in brackets and filters; None: not known here, so not checked."""

    labels: Collection[str]
    perturbations: Collection[str] | None = None
    tags: Collection[str] | None = None
    splits: Collection[str] | None = None


def parse_threshold(
    text: str,
    *,
    labels: Sequence[str],
    perturbations: Collection[str] | None = None,
    tags: Collection[str] | None = None,
    splits: Collection[str] | None = None,
) -> metrics.Threshold:
    """Parse one threshold. Raises ThresholdError; names that are given as None are not checked."""
    if len(text) > _LONGEST:
        raise ThresholdError(f"is longer than {_LONGEST} characters.", column=_LONGEST)
    return _Parser(text, Known(labels, perturbations, tags, splits)).threshold()


class _Parser(Scanner):
    """A recursive-descent parser: each method reads one rule of the grammar."""

    def __init__(self, text: str, known: Known) -> None:
        super().__init__(text)
        self.known = known
        self._bound_at = 0

    def threshold(self) -> metrics.Threshold:
        metric = self._metric()
        argument = self._argument(metric)
        label = self._selector(metric)
        where = self._where()
        name = " ".join(self.text[: self.at].split())
        op = self._op(metric)
        text = " ".join(self.text.split())
        if self.take("majority"):
            if metric is not metrics.ACCURACY or op != ">" or where:
                self.fail("`majority` stands only in `accuracy > majority`.", self._bound_at)
            self.end()
            return metrics.Threshold(text=text, name=name, metric=metrics.BETTER_THAN_MAJORITY.name, op=op)
        baseline, bound, currency = self._bound(metric)
        self.end()
        return metrics.Threshold(
            text=text,
            name=name,
            metric=metric.name,
            label=label,
            argument=argument,
            where=where,
            op=op,
            bound=bound,
            baseline=baseline,
            currency=currency,
        )

    # metric, argument, selector

    def _metric(self) -> metrics.Metric:
        self.space()
        start = self.at
        found = _NAME.match(self.text, start)
        if found is None:
            raise ThresholdError(
                "must begin with a metric.", column=start + 1, fix=f"Known: {shortlist(metrics.METRICS, 40)}."
            )
        name = " ".join(found[0].replace(",", "").split())
        if name not in metrics.SPELLINGS:
            self.fail(f"unknown metric `{shown(name)}`.", start, metric_fix(name, self.text[found.end() :]))
        self.at = found.end()
        return metrics.SPELLINGS[name]

    def _argument(self, metric: metrics.Metric) -> float | None:
        if metric.argument == "power":
            self.expect("^", f"Write `{metric.written}^3`.")
            return self._whole(metric)
        if metric.argument == "none":
            if self.peek() in {"(", "^"}:
                fix = argument_fix(metric, self.text[self.at :], self.known.labels)
                self.fail(f"`{metric.written}` takes no argument.", self.at, fix)
            return None
        example = "1 s" if metric.argument == "seconds" else "2"
        self.expect("(", f"Write `{metric.written}({example})`.")
        start = self.at
        value, unit, _ = self.quantity()
        if metric.argument == "seconds":
            value = self._time(value, unit, start)
        elif unit:
            self.fail("must be a plain number.", start)
        if not 0 < value <= 86_400:
            self.fail("must be more than 0.", start)
        self.expect(")", "Close the bracket.")
        return value

    def _whole(self, metric: metrics.Metric) -> float:
        self.space()
        found = re.compile(r"\d{1,4}").match(self.text, self.at)
        if found is None or not 1 <= int(found[0]) <= 1000:
            self.fail("needs a whole number from 1 to 1000.", self.at, f"Write `{metric.written}^3`.")
        assert found is not None
        self.at = found.end()
        return float(found[0])

    def _selector(self, metric: metrics.Metric) -> str | None:
        if self.peek() != "[":
            if metric.selector == "label":
                options = shortlist(f"{metric.written}[{label}]" for label in self.known.labels)
                self.fail(f"`{metric.written}` needs a label.", self.at, f"Write one of {options}.")
            return None
        if metric.selector == "none":
            self.fail(f"`{metric.written}` takes nothing in brackets.", self.at, "Remove the brackets.")
        self.expect("[", "")
        self.space()
        start = self.at
        name = self.name(_IN_BRACKETS)
        self.expect("]", "Close the bracket.")
        allowed = self.known.labels if metric.selector == "label" else self.known.perturbations
        kind = "label" if metric.selector == "label" else "perturbation of this suite"
        self._check(name, allowed, kind, start)
        return name

    # where

    def _where(self) -> metrics.Where:
        if not self.take("where"):
            return ()
        filters = [self._filter()]
        while self.take("and"):
            filters.append(self._filter())
        return tuple(sorted(set(filters)))

    def _filter(self) -> tuple[str, str]:
        self.space()
        start = self.at
        found = re.compile(r"[A-Za-z]+").match(self.text, start)
        key = found[0] if found else ""
        if key not in {"tag", "split"}:
            self.fail("a filter is `tag=...` or `split=...`.", start, filter_fix(key, self.text[self.at :]))
        self.at = start + len(key)
        self.expect("=", f"Write `{key}=name`.")
        self.space()
        start = self.at
        name = self.name(_WORD)
        self._check(name, self.known.tags if key == "tag" else self.known.splits, f"{key} of these cases", start)
        return key, name

    def _check(self, name: str, allowed: Collection[str] | None, kind: str, start: int) -> None:
        if allowed is not None and name not in allowed:
            self.fail(f"`{shown(name)}` is not a {kind}.", start, did_you_mean(name, allowed))

    # operator and bound

    def _op(self, metric: metrics.Metric) -> metrics.Op:
        self.space()
        start = self.at
        found = _OPERATOR.match(self.text, start)
        right = ">=" if metric.higher_is_better else "<="
        if found is None:
            self.fail("needs one of `>=`, `<=`, `>`, `<` here.", start, operator_fix(metric, right, self.text[start:]))
        assert found is not None
        op = _OPS[found[0]]
        if op[0] != right[0]:
            better = "higher" if metric.higher_is_better else "lower"
            self.fail(f"`{metric.written}` is better when it is {better}.", start, f"Write `{right}`.")
        self.at = found.end()
        self.space()
        self._bound_at = self.at
        return op

    def _bound(self, metric: metrics.Metric) -> tuple[metrics.Baseline, float, str | None]:
        if not self.take("baseline"):
            self.space()
            start = self.at
            if fix := bound_fix(self.text[start:]):
                self.fail("needs a number here.", start, fix)
            value, unit, sign = self.quantity()
            bound = self._in_unit(metric, value, unit or sign, start)
            self._possible(metric, bound, start)
            return "absolute", bound, _currency(unit or sign) if metric.scale == "money" else None
        self.space()
        how: dict[str, metrics.Baseline] = {"-": "minus", "+": "plus", "*": "times"}
        sign = self.peek()
        if sign not in how:
            return "minus", 0.0, None
        self.at += 1
        self.space()
        start = self.at
        value, unit, money = self.quantity()
        if value < 0:
            self.fail("must not be negative.", start)
        if sign == "*":
            if unit not in {"", "%"} or money:
                self.fail("`baseline *` takes a plain number.", start, "Write `baseline * 1.2`.")
            return "times", value / 100 if unit == "%" else value, None
        bound = self._in_unit(metric, value, unit or money, start)
        return how[sign], bound, _currency(unit or money) if metric.scale == "money" else None

    def _in_unit(self, metric: metrics.Metric, value: float, unit: str, start: int) -> float:
        match metric.scale:
            case "seconds":
                return self._time(value, unit, start)
            case "share" | "points":
                if unit not in {"", "%"}:
                    self.fail(f"`{metric.written}` is a share.", start, "Write `95%` or `0.95`.")
                return value / 100 if unit == "%" else value
            case "money":
                if unit and _currency(unit) is None:
                    self.fail(f"`{metric.written}` is money.", start, "Write `$0.50`, `0.50 EUR` or `0.50`.")
                return value
            case "number" | "count":
                if unit:
                    self.fail(f"`{metric.written}` is a plain number.", start, "Remove the unit.")
                return value

    def _time(self, value: float, unit: str, start: int) -> float:
        if unit.lower() not in units.SECONDS:
            self.fail("needs a time.", start, "Write `1 s` or `800 ms`.")
        return value * units.SECONDS[unit.lower()]

    def _possible(self, metric: metrics.Metric, bound: float, start: int) -> None:
        low = -1.0 if metric.scale in {"number", "points"} else 0.0
        high = 1.0 if metric.scale in {"share", "number", "points"} else float("inf")
        strict = self.text[: self._bound_at].rstrip()[-1] in "<>"
        beyond = not low <= bound <= high
        out_of_reach = strict and bound == (high if metric.higher_is_better else low)
        if beyond or out_of_reach:
            forgotten = metric.scale == "share" and 1 < bound <= 100 and "%" not in self.text[start:]
            fix = f"Did you mean `{bound:g}%`?" if forgotten else ""
            limit = f"{low:g} to {high:g}" if high < float("inf") else "0 or more"
            self.fail(f"`{metric.written}` can't get there: it goes from {limit}.", start, fix)


def _currency(unit: str) -> str | None:
    if unit in units.CURRENCY_SIGNS:
        return units.CURRENCY_SIGNS[unit]
    return unit if re.fullmatch(r"[A-Z]{3}", unit) else None
