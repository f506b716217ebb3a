"""Print names and signatures of the `cupy` that this process imports, as JSON: {name: signature}.

Arguments: the names to describe; without arguments, all that the package offers.
"""

import functools
import inspect
import json
import sys
from types import ModuleType

import cupy

MODULES = (
    "cupy",
    "cupy.cuda",
    "cupy.fft",
    "cupy.fft.config",
    *(f"cupy.cuda.{name}" for name in ("compiler", "cufft", "device", "driver", "function", "graph")),
    *(f"cupy.cuda.{name}" for name in ("memory", "runtime", "stream")),
)
SPECIAL = ("__array__", "__call__", "__cuda_array_interface__", "__dlpack__", "__dlpack_device__", "__getitem__")


def offered() -> list[str]:
    """Names of all that the package lists in __all__, and of the classes' public members."""
    names = []
    for module_name in MODULES:
        module = _resolve(module_name)
        for name in module.__all__:
            names.append(f"{module_name}.{name}")
            if inspect.isclass(getattr(module, name)):
                members = dir(getattr(module, name))
                names += [f"{module_name}.{name}.{m}" for m in members if m[0] != "_" or m in SPECIAL]
    return names


def signature(name: str) -> list[list[str]] | str | None:
    """Parameters as [kind and name, default], what else it is, or None where there is no such name."""
    try:
        value = _resolve(name)
    except ImportError:  # CuPy loads some of CUDA's libraries, which are large wheels, when they are asked for
        return "no library"
    except AttributeError:
        return None
    if isinstance(value, ModuleType) or not callable(value):
        return "no function"
    return _signature(value)


def _resolve(name: str) -> object:
    return functools.reduce(getattr, name.split(".")[1:], cupy)


def _signature(value: object) -> list[list[str]]:
    stated = _from_documentation(value)
    if stated is not None:
        return stated
    prefix = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    rows = []
    keyword_only = False
    for parameter in inspect.signature(value).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            keyword_only = True
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            rows.append(["*", ""])
        default = "" if parameter.default is parameter.empty else repr(parameter.default)
        rows.append([prefix.get(parameter.kind, "") + parameter.name, default])
    return rows


def _from_documentation(value: object) -> list[list[str]] | None:
    """Cython states the signature in the first line of a docstring, with C types."""
    constructor = getattr(value, "__init__", None) if inspect.isclass(value) else None
    for documented in (constructor, value):
        line = (getattr(documented, "__doc__", None) or "").split("\n")[0]
        name = getattr(documented, "__name__", "")
        begin = line.find(f"{name}(")
        if begin < 0 or (begin and line[begin - 1] != "."):
            continue
        rows = []
        for part in filter(None, line[begin + len(name) + 1 : line.rindex(")")].split(",")):
            left, _, default = part.partition("=")
            rows.append([left.split()[-1], default])
        return [row for row in rows if row[0] != "cls" and (row[0] != "self" or documented is not constructor)]
    return None


if __name__ == "__main__":
    print(json.dumps({name: signature(name) for name in sys.argv[1:] or offered()}))
