"""What scikit-image's dispatching to backends can reach: none of its filters, as far as this version goes.

So gpuconv registers no backend: it could compute nothing, and every call that scikit-image does dispatch would pass
through one more wrapper. `gpuconv.scipy_patch` computes its filters instead (test_scipy_patch.py).
"""

import os
import subprocess
import sys

import pytest

BACKEND = """
from skimage.util._backends import BackendInformation


class Everything:
    def __contains__(self, name):
        return True


def information():
    return BackendInformation(Everything())


def can_has(name, *args, **kwargs):
    return True


def get_implementation(name):
    return lambda *args, **kwargs: f"dispatched {name}"
"""

ENTRY_POINTS = """
[skimage_backends]
everything = everything_backend

[skimage_backend_infos]
everything = everything_backend:information
"""

PROGRAM = """
import warnings

import numpy as np
import skimage.feature
import skimage.filters
import skimage.metrics
from skimage.util._backends import DispatchNotification

warnings.simplefilter("ignore", DispatchNotification)
image = np.ones((8, 9))
print(skimage.metrics.mean_squared_error(image, image))
for name in ("gaussian", "sobel", "prewitt", "scharr", "laplace", "roberts", "farid", "unsharp_mask"):
    assert isinstance(getattr(skimage.filters, name)(image), np.ndarray), name
assert isinstance(skimage.feature.match_template(image, image[:3, :3]), np.ndarray)
"""


@pytest.mark.slow  # watches scikit-image, not this package: when it fails, a backend has become worth its while
def test_no_filter_is_dispatched(tmp_path):
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    (tmp_path / "everything_backend.py").write_text(BACKEND, encoding="utf-8")
    information = tmp_path / "everything_backend-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: everything_backend\nVersion: 1\n", "utf-8")
    (information / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "SKIMAGE_NO_DISPATCHING": "0"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "dispatched skimage.metrics:mean_squared_error\n"), done.stderr
