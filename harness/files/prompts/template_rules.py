"""Which Jinja a prompt may use: outputs, `if`, `for` over known lists, and filters whose work is bounded.

The tree is checked before anything is compiled, because Jinja computes constants while it compiles: the
expression `"a" * 10**9` would be a bomb even if it were never rendered. Nothing that multiplies, formats,
calls, assigns, imports or includes is allowed; so the work of a template is bounded by the length of its
source times the size of a case.
"""

from collections.abc import Iterator

from jinja2 import nodes

LONGEST_SOURCE = 200_000  # characters
LARGEST_CONSTANT = 10**18
MOST_LOOPS = 20
DEEPEST_LOOPS = 2
MOST_JOINED = 100  # operands of `~` and `+` in one template
LISTS = frozenset({"examples", "labels"})

FILTERS = frozenset({
    "abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length", "list",
    "lower", "round", "sort", "string", "title", "tojson", "trim", "truncate", "unique", "upper", "wordcount",
})  # fmt: skip
TESTS = frozenset({
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "in",
    "integer", "le", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sequence", "string", "true",
    "undefined", "upper",
})  # fmt: skip
_MAGIC = frozenset({"self", "super", "caller", "varargs", "kwargs"})  # names that Jinja itself defines
_HARMLESS = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.List, nodes.Tuple, nodes.If, nodes.CondExpr,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Sub, nodes.Slice, nodes.Getitem,
    nodes.Keyword,
)  # fmt: skip
_NAMES = {
    "Assign": "`set`",
    "AssignBlock": "`set`",
    "Mul": "`*`",
    "Pow": "`**`",
    "Mod": "`%` (there is the test `divisibleby`)",
    "Div": "`/`",
    "FloorDiv": "`//`",
    "Call": "calling a function (there are filters, such as `| upper`)",
    "Include": "`include`",
    "Import": "`import`",
    "FromImport": "`import`",
    "Extends": "`extends`",
    "Block": "`block`",
    "Macro": "`macro`",
    "CallBlock": "`call`",
    "FilterBlock": "`filter` blocks",
    "With": "`with`",
    "Dict": "a mapping",
}


class TemplateRefused(Exception):
    """A template does something that a prompt may not do; `line` counts in the template."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message, self.line = message, line


def check_source(source: str) -> None:
    """Raise TemplateRefused when a template is too long to be parsed at all."""
    if len(source) > LONGEST_SOURCE:
        raise TemplateRefused(f"is longer than {LONGEST_SOURCE:,} characters.", 1)


def check_tree(tree: nodes.Template) -> None:
    """Raise TemplateRefused at the first thing that is not allowed."""
    loops = joined = 0
    for node, inside in _walk(tree, ()):
        line = node.lineno or 1
        if isinstance(node, nodes.For):
            loops += 1
            _check_loop(node, inside, line)
        elif isinstance(node, (nodes.Concat, nodes.Add)):
            joined += len(node.nodes) if isinstance(node, nodes.Concat) else 2
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise TemplateRefused(f"the filter `{node.name}` is not available in prompts.", line)
        elif isinstance(node, nodes.Test) and node.name not in TESTS:
            raise TemplateRefused(f"the test `{node.name}` is not available in prompts.", line)
        elif isinstance(node, nodes.Name) and node.name in _MAGIC:
            raise TemplateRefused(f"the name `{node.name}` is not allowed in prompts.", line)
        elif isinstance(node, nodes.Getattr):
            _check_attribute(node, inside, line)
        elif isinstance(node, nodes.Const) and isinstance(node.value, (int, float)):
            if not abs(node.value) <= LARGEST_CONSTANT:
                raise TemplateRefused("has a number that is too large.", line)
        elif not isinstance(node, (*_HARMLESS, nodes.Name, nodes.Filter, nodes.Test)):
            name = type(node).__name__
            raise TemplateRefused(f"{_NAMES.get(name, name)} is not allowed in prompts.", line)
        if loops > MOST_LOOPS or joined > MOST_JOINED:
            raise TemplateRefused("has too many loops or joined texts.", line)


def _walk(node: nodes.Node, inside: tuple[str, ...]) -> Iterator[tuple[nodes.Node, tuple[str, ...]]]:
    """Every node with the loop variables that it can see."""
    yield node, inside
    if isinstance(node, nodes.For):
        within = (*inside, *(name.name for name in node.target.find_all(nodes.Name)), "loop")
        if isinstance(node.target, nodes.Name):
            within = (*inside, node.target.name, "loop")
        yield from _walk(node.iter, inside)
        for child in (*node.body, *node.else_, *([node.test] if node.test else [])):
            yield from _walk(child, within)
        return
    for child in node.iter_child_nodes():
        yield from _walk(child, inside)


def _check_loop(node: nodes.For, inside: tuple[str, ...], line: int) -> None:
    if inside.count("loop") >= DEEPEST_LOOPS:
        raise TemplateRefused(f"loops are nested more than {DEEPEST_LOOPS} deep.", line)
    if node.recursive:
        raise TemplateRefused("recursive loops are not allowed in prompts.", line)
    target = node.iter
    while isinstance(target, (nodes.Filter, nodes.Getitem)) and target.node is not None:
        target = target.node
    if not isinstance(target, nodes.Name):
        raise TemplateRefused("`for` works only over `examples`, `labels` or an input.", line)
    if inside and target.name not in LISTS:
        raise TemplateRefused("a loop inside a loop works only over `examples` or `labels`.", line)


def _check_attribute(node: nodes.Getattr, inside: tuple[str, ...], line: int) -> None:
    if node.attr.startswith("_"):
        raise TemplateRefused(f"the name `{node.attr}` is not allowed in prompts.", line)
    if not (isinstance(node.node, nodes.Name) and node.node.name in inside):
        said = f"`.{node.attr}` is not allowed here: inputs are text, only the items of a loop have parts."
        raise TemplateRefused(said, line)
