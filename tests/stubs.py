"""Writes the stubs of the faces, from their own signatures: python tests/stubs.py.

A function that gives an array back is typed three times, as gpuconv.typing says; all others as they are.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from stub_types import ALIASES, KEPT, RESULTS, TYPES, VARIANTS

PACKAGE = Path(__file__).parent.parent / "gpuconv"
FACES = ("", "filters", "ndimage", "nn", "opencv", "signal")
# What is imported where its name occurs.
IMPORTS = {
    "collections.abc": ("Callable", "Iterator", "Mapping", "Sequence"),
    "typing": ("Any", "Literal", "TypeAlias", "Unpack", "overload"),
    "numpy": ("ndarray",),
    "numpy.typing": ("ArrayLike", "DTypeLike", "NDArray"),
    "gpuconv.engine": ("Call",),
    "gpuconv.typing": ("AnyArray", "ArrayT"),
}
# The type of an array, and the type of what is computed of it.
KINDS = (("NDArray[Any]", "NDArray[Any]"), ("ArrayT", "ArrayT"), ("ArrayLike", "NDArray[Any]"))
WIDTH = 120


def path_of(face: str) -> Path:
    """Where the stub of a face lies."""
    return PACKAGE / face / "__init__.pyi"


def stub(face: str) -> str:
    """The text of a stub."""
    module = importlib.import_module(f"gpuconv.{face}".rstrip("."))
    found = {name: "".join(definitions(face, name, getattr(module, name))) for name in module.__all__}
    written = {name: text for name, text in found.items() if text}
    body = "".join(written.values())
    aliases = "".join(alias(name, text) for name, text in ALIASES.items() if re.search(rf"\b{name}\b", body))
    others = "".join(constants(module, written))
    names = "".join(f'    "{name}",\n' for name in module.__all__)
    top = f"# Written by tests/stubs.py.\n{imports(module, written, aliases + body)}\n{aliases}{others}"
    return f"{top}__all__ = [\n{names}]\n\n{body}"


def alias(name: str, text: str) -> str:
    line = f"{name}: TypeAlias = {text}\n"
    return line if len(line) <= WIDTH else line.replace("[", "[\n    ").replace("]", "\n]")


def definitions(face: str, name: str, function: Any) -> Iterator[str]:
    """The overloads of a function; nothing where it is well typed already, or no function."""
    if not inspect.isfunction(function):
        return
    name, signature = f"{face}.{name}".lstrip("."), inspect.signature(function)
    if signature.return_annotation is Any or name in RESULTS:
        kept = KEPT.get(name, next(iter(signature.parameters)))
        result = RESULTS.get(name, "{0}")
        kinds = [({kept: taken, "": given}, result.format(given)) for taken, given in KINDS]
        for types, returned in VARIANTS.get(name, kinds):
            yield f"@overload\n{definition(name, signature, types, returned)}"
    elif any(type_of(name, parameter, {}) != spelled(parameter.annotation) for parameter in parameters(signature)):
        yield definition(name, signature, {}, spelled(signature.return_annotation))


def definition(name: str, signature: inspect.Signature, types: dict[str, str], result: str) -> str:
    """One `def`, as ruff formats it."""
    words, keyword_only = [], False
    for parameter in parameters(signature):
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            words.append("*")
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        type_ = type_of(name, parameter, types)
        default = "" if parameter.default is parameter.empty or "=" in type_ else f" = {default_of(parameter.default)}"
        words.append(f"{stars}{parameter.name}: {type_}{default}")
    start, end = f"def {name.rpartition('.')[2]}(", f") -> {result}: ...\n"
    for inside in (", ".join(words), f"\n    {', '.join(words)}\n"):
        if max(map(len, f"{start}{inside}{end}".splitlines())) <= WIDTH:
            return f"{start}{inside}{end}"
    return start + "\n" + "".join(f"    {word},\n" for word in words) + end


def parameters(signature: inspect.Signature) -> list[inspect.Parameter]:
    return list(signature.parameters.values())


def type_of(name: str, parameter: inspect.Parameter, types: dict[str, str]) -> str:
    """The type of a parameter: of this variant, of this function, of this face, of all, or the signature's."""
    if parameter.name in types:
        return types[parameter.name]
    face = name.rpartition(".")[0]
    for key in (f"{name}.{parameter.name}", f"{face}.{parameter.name}"):
        if key in TYPES:
            return TYPES[key].format(types.get("", "Any"))
    common = face in ("", "filters") and TYPES.get(parameter.name)
    return common.format(types.get("", "Any")) if common else spelled(parameter.annotation)


def default_of(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def spelled(annotation: Any) -> str:
    """An annotation as it is written."""
    if annotation is None:
        return "None"
    text = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    text = re.sub(r"^\*<class '([\w.]+)'>$", r"Unpack[\1]", text)
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", text).replace("int | Sequence[int]", "_PerAxis")


def imports(module: Any, written: dict[str, str], text: str) -> str:
    """All that a stub imports, sorted: what its text names, and what is passed on."""
    lines = {}
    for source, names in IMPORTS.items():
        used = [name for name in names if re.search(rf"\b{name}\b", text)]
        if used:
            lines[source] = [f"from {source} import {', '.join(used)}\n"]
    for source, names in passed_on(module):
        lines[source] = [f"from {source} import {name} as {name}\n" for name in names if name not in written]
    own = sorted((source for source in lines if source.startswith("gpuconv")), key=str.lower)
    standard, third = (sorted(s for s in lines if s.partition(".")[0] == top) for top in ("typing", "numpy"))
    standard = sorted([*standard, *(s for s in lines if s.startswith("collections"))])
    return "\n".join("".join("".join(lines[source]) for source in group) for group in (standard, third, own) if group)


def passed_on(module: Any) -> Iterator[tuple[str, list[str]]]:
    """What the module itself imports of the package, and under which names it has it."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("gpuconv"):
            yield str(node.module), [alias.name for alias in node.names]


def constants(module: Any, written: dict[str, str]) -> Iterator[str]:
    """Other names that the module defines."""
    if hasattr(module, "__version__"):
        yield "__version__: str\n"


if __name__ == "__main__":
    for face in FACES:
        path_of(face).write_text(stub(face), encoding="utf-8")
