"""The command line as the tests run it."""

import io
from contextlib import redirect_stderr, redirect_stdout

from gpuconv import cli


def gpuconv(*arguments: object) -> tuple[int, str, str]:
    """Run `gpuconv` with arguments and return its exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main([*map(str, arguments)])
    return code, out.getvalue(), err.getvalue()
