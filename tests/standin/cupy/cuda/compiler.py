"""cupy.cuda.compiler: what a failed compilation raises."""

__all__ = ["CompileException"]


class CompileException(Exception):  # noqa: N818 (CuPy's name)
    """The compiler refused the text."""

    def __init__(self, msg, source, name, options, backend="nvrtc"):
        super().__init__(msg)
        self.source, self.name, self.options, self.backend = source, name, options, backend
