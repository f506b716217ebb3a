"""What a person gets: the wheel, the sdist, a cheap import, and the README's commands."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import gpuconv

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# What importing gpuconv leaves for later: faces, and what only a GPU, Numba or compiled code needs.
LATER = re.compile(r"gpuconv\.(filters|ndimage|nn|numpy|opencv|signal|cli|cpu|(launches|backends)\.(cuda|cupy|numba))")
HEAVY = ("cupy", "numba", "torch", "jax", "xarray", "pandas", "scipy", "typer", "rich", "pyvips", "matplotlib")


def run(*command: str | Path, **options) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def package_files() -> set[str]:
    """Files of the checkout that belong to the package, as the wheel names them."""
    files = {path for folder in ("gpuconv", "kernels") for path in (ROOT / folder).rglob("*") if path.is_file()}
    names = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}
    return {re.sub("^kernels/", "gpuconv/kernels/", name) for name in names}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the sdist, and the wheel built from that sdist."""
    copy = tmp_path_factory.mktemp("source") / "gpuconv"
    unwanted = shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", "_build", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis"
    )
    shutil.copytree(ROOT, copy, ignore=unwanted)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", copy / "dist", copy)
    return copy / "dist"


def test_wheel_holds_the_whole_package(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert package_files() - names == set()
    assert {name for name in names if not re.match(r"gpuconv[/-]", name)} == set()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    expected = {"gpuconv/py.typed": 1, r"gpuconv/kernels/\w+\.cu": 5, r"gpuconv/data/\w+\.jpe?g": 1}
    assert {
        pattern: sum(bool(re.fullmatch(pattern, name)) for name in names) >= least
        for pattern, least in expected.items()
    } == (dict.fromkeys(expected, True))


def test_sdist_holds_what_the_tests_need(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", ".ci/run", "docs/conf.py"} <= names
    tests = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*")
        if path.suffix in {".py", ".cc", ".h", ".cu"}
    }
    assert tests - names == set()


def test_installed_wheel_reads_its_kernels(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    target = tmp_path / "installed"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel)
    program = "import gpuconv.sources as s; print(s.__file__); print(s.read('conv2d_tiled.cu'))"
    place, _, text = run(
        sys.executable, "-c", program, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(target)}
    ).partition("\n")
    assert Path(place).is_relative_to(target)
    assert text.rstrip() == (ROOT / "kernels" / "conv2d_tiled.cu").read_text(encoding="utf-8").rstrip()


def test_import_loads_nothing_heavy() -> None:
    loaded = run(sys.executable, "-c", "import gpuconv, sys; print(*sys.modules)").split()
    assert "gpuconv" in loaded
    assert [name for name in HEAVY if name in loaded] == []
    own = [name for name in loaded if name.startswith("gpuconv.")]
    assert [name for name in own if LATER.match(name)] == []
    assert len(own) < 65


def test_faces_are_loaded_when_they_are_asked_for() -> None:
    program = (
        "import gpuconv; print(gpuconv.signal.__name__); from gpuconv import nn; print(nn.__name__, *dir(gpuconv))"
    )
    signal, nn, *names = run(sys.executable, "-c", program).split()
    assert (signal, nn) == ("gpuconv.signal", "gpuconv.nn")
    assert set(names) >= {"opencv", "convolve", "__version__"}
    with pytest.raises(AttributeError, match="module 'gpuconv' has no attribute 'singal'"):
        gpuconv.singal  # noqa: B018 (asked for on purpose)


def test_import_is_cheap() -> None:
    program = "import time, numpy; start = time.process_time(); import gpuconv; print(time.process_time() - start)"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # The processor's time, the best of several runs: other work on the machine adds to the clock's, and some to this.
    best = min(float(run(sys.executable, "-c", program, env=env)) for _ in range(7))
    assert best < 0.1


@pytest.mark.parametrize(
    ("name", "start"), [("demo", "python -m pip install '.[cli]'"), ("test", "python -m pip install -e '.[test]'")]
)
def test_ci_runs_the_command_of_the_readme(name: str, start: str) -> None:
    (command,) = re.findall(rf"<!-- command: {name} -->\n```sh\n(.*)\n```\n", README)
    assert command.startswith(start)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (extract,) = re.findall(r"^readme_command\(\) .*$", script, re.MULTILINE)
    assert run("bash", "-c", f"{extract}\nreadme_command {name}", cwd=ROOT) == command + "\n"
    assert re.search(rf"^step .* as_in_readme {name}$", script, re.MULTILINE)


def test_extras_install_no_bare_cupy() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [need for needs in project["optional-dependencies"].values() for need in needs]
    names = {re.match(r"[\w-]+", need).group() for need in needed}
    assert "cupy" not in names  # it would be built from source, against whatever toolkit it finds
    assert {"cupy-cuda12x", "cupy-cuda13x"} <= names


def test_links_of_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\((?!https:)([^)#]+)", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > 10
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []
