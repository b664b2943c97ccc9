"""Small changes to a function, one at a time, as slips of the pen make them: each is a mutant that must be caught.

(DeMillo, Lipton and Sayward, Hints on Test Data Selection, 1978.)
"""

import ast
import copy
import inspect
import sys
import textwrap
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
COMPUTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
EXCHANGED = {
    "min": "max", "max": "min", "any": "all", "all": "any", "recorded_at": "valid_at", "valid_at": "recorded_at",
    "first": "last", "last": "first", "version": "position", "position": "version", "append": "extend",
    "takewhile": "dropwhile", "ceil": "floor", "floor": "ceil", "sorted": "list",
}  # fmt: skip
"""Names that stand where the other might: the wrong axis, the wrong end, the wrong order."""


class Mutant(NamedTuple):
    """A function changed in one place, and what was changed, by line of the function and its text."""

    what: str
    function: Any


def mutants(function: Any) -> list[Mutant]:
    """Every mutant of a function or class that compiles, told by the line that was changed and by what it reads now."""
    source = textwrap.dedent(inspect.getsource(function))
    tree = _without_annotations(ast.parse(source))
    found = {}
    for number, node in enumerate(ast.walk(tree)):
        for changed in _changes(node):
            whole = copy.deepcopy(tree)
            target = list(ast.walk(whole))[number]
            _replace(whole, target, changed)
            ast.fix_missing_locations(whole)
            text = ast.unparse(whole)
            line = getattr(node, "lineno", 0)
            if text != ast.unparse(tree) and text not in found:
                found[text] = f"{_line(tree, node)} → {_line_changed(changed)}", line
    seen: Counter[str] = Counter()
    made = []
    for text, (what, _) in found.items():
        seen[what] += 1
        made.append(Mutant(what if seen[what] == 1 else f"{what}, again ({seen[what]})", _made(text, function)))
    return made


def _without_annotations(tree: ast.Module) -> ast.Module:
    """What a function says of its types changes nothing that it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return tree


def _line(tree: ast.Module, node: ast.AST) -> str:
    """The node as it reads; of a statement its first line."""
    return ast.unparse(node).splitlines()[0] if not isinstance(node, ast.arguments) else "arguments"


def _line_changed(changed: list[ast.AST]) -> str:
    return " ".join(ast.unparse(each).splitlines()[0] for each in changed) or "(dropped)"


def _changes(node: ast.AST) -> Iterator[list[ast.AST]]:
    """What may stand in the node's place."""
    yield from _changed_expressions(node)
    yield from _changed_statements(node)


def _changed_expressions(node: ast.AST) -> Iterator[list[ast.AST]]:
    match node:
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                if type(op) in COMPARED:
                    yield [_with(node, ops=[*ops[:index], COMPARED[type(op)](), *ops[index + 1 :]])]
        case ast.BinOp(op=op) if type(op) in COMPUTED:
            yield [_with(node, op=COMPUTED[type(op)]())]
        case ast.BoolOp(op=op, values=values):
            yield [_with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())]
            for index in range(len(values)):
                rest = values[:index] + values[index + 1 :]
                yield [rest[0] if len(rest) == 1 else _with(node, values=rest)]
        case ast.UnaryOp(operand=operand):
            yield [operand]
        case ast.Constant(value=bool(value)):
            yield [ast.Constant(not value)]
        case ast.Constant(value=int(value)):
            yield [ast.Constant(value + 1)]
            yield [ast.Constant(value - 1)]
        case ast.Name(id=name, ctx=ast.Load()) if name in EXCHANGED:
            yield [ast.Name(EXCHANGED[name], ast.Load())]
        case ast.Attribute(attr=name, ctx=ast.Load()) if name in EXCHANGED:
            yield [_with(node, attr=EXCHANGED[name])]
        case ast.IfExp(body=body, orelse=otherwise):
            yield [body]
            yield [otherwise]
        case ast.Call(args=[first, second, *rest]):
            yield [_with(node, args=[second, first, *rest])]
        case ast.comprehension(ifs=[_, *rest]):
            yield [_with(node, ifs=rest)]
        case ast.Slice(lower=lower, upper=upper):
            if lower:
                yield [_with(node, lower=None)]
            if upper:
                yield [_with(node, upper=None)]
    if isinstance(node, ast.Call):
        for index, keyword in enumerate(node.keywords):
            if keyword.arg in ("reverse", "key", "default"):
                yield [_with(node, keywords=node.keywords[:index] + node.keywords[index + 1 :])]


def _changed_statements(node: ast.AST) -> Iterator[list[ast.AST]]:
    match node:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Expr() | ast.Assign() | ast.AugAssign() | ast.Raise() | ast.Delete() | ast.Continue() | ast.Break():
            yield [ast.Pass()]
        case ast.If(test=test):
            yield [_with(node, test=ast.Constant(True))]
            yield [_with(node, test=ast.Constant(False))]
            yield [_with(node, test=ast.UnaryOp(ast.Not(), test))]
        case ast.Return(value=value) if value is not None:
            yield [ast.Return(None)]
        case ast.ExceptHandler(type=kind) if kind is not None:
            yield [_with(node, type=ast.Name("Exception", ast.Load()))]
            yield [_with(node, body=[ast.Pass()])]
        case ast.With(body=body):
            yield list(body)
        case ast.Try(body=body, finalbody=[], orelse=otherwise):
            yield [*body, *otherwise]


def _with(node: ast.AST, **fields: Any) -> Any:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _replace(tree: ast.AST, target: ast.AST, changed: list[ast.AST]) -> None:
    """Put the change where the target stands in the tree."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, changed[0])
            elif isinstance(value, list) and any(each is target for each in value):
                index = next(index for index, each in enumerate(value) if each is target)
                value[index : index + 1] = changed


def _made(text: str, function: Any) -> Any:
    """The changed function, among the names of the module that the original stands in."""
    names = dict(vars(sys.modules[function.__module__]))
    code = compile(text, f"<mutant of {function.__name__}>", "exec", dont_inherit=True)
    exec(code, names)
    made = names[function.__name__]
    assert isinstance(made, types.FunctionType | type)
    return made
