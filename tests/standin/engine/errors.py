"""Errors of the CPU engine: each says which kernel, and what a GPU would have made of it."""


class CompileError(Exception):
    """The text is not valid C++; the message is the compiler's."""


class LaunchError(RuntimeError):
    """The launch cannot be right: arguments, dimensions or barriers."""
