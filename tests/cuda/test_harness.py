"""Each way of running a kernel finds the faults that it is there for, in kernels of the harness's own."""

from pathlib import Path

import numpy as np
import pytest
import standin
from standin import Launch, LaunchError, make_launch, mutate, mutations

HERE = Path(__file__).parent
STENCIL = "constexpr int TILE_H = 4, TILE_W = 16;\n" + (HERE / "example_stencil2d.cu").read_text()
REVERSE = "constexpr int THREADS = 64;\n" + (HERE / "example_reverse.cu").read_text()
ORDERS = ("forward", "reverse", "random:1", "random:2")
IMAGES, HEIGHT, WIDTH = 3, 9, 37
OPTIONS = ("-std=c++17",)
SEGMENTS, SEGMENT = 3, 256

STENCIL_MUTANTS = list(mutations(STENCIL))


def stencil_launch(text: str = STENCIL) -> Launch:
    """The image's rows lie apart and the output's do not: exchanged pitches show."""
    rng = np.random.default_rng(0)
    image = rng.standard_normal((IMAGES, HEIGHT, WIDTH + 5)).astype(np.float32)[:, :, :WIDTH]
    out = np.full((IMAGES, HEIGHT, WIDTH), np.nan, np.float32)
    weights = np.array([(rng.standard_normal((3, 3)),)], dtype=[("tap", "f4", (3, 3))])
    sizes = [np.int32(n) for n in (IMAGES, HEIGHT, WIDTH, WIDTH + 5, WIDTH)]
    grid = (-(-WIDTH // 16), -(-HEIGHT // 4))
    return make_launch(text, "stencil2d", grid, (16, 4), [image, out, weights, *sizes], options=OPTIONS)


def stencil_truth(launch: Launch) -> tuple[np.ndarray, np.ndarray]:
    """The result in float64, and the bound gamma(9) * sum |weights| |image| of the nine-term sums."""
    image, weights = launch.arrays_before()[0], launch.before.places[2].array["tap"][0]
    padded = np.pad(image.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    nu = 9 * np.finfo(np.float32).eps / 2
    magnitude = np.einsum("nyxrs,rs->nyx", abs(windows), abs(weights.astype(np.float64)))
    return np.einsum("nyxrs,rs->nyx", windows, weights.astype(np.float64)), nu / (1 - nu) * magnitude


def stencil_is_right(launch: Launch, got: np.ndarray) -> bool:
    truth, bound = stencil_truth(launch)
    return bool((abs(got - truth) <= bound).all())  # NaN is not


def reverse_launch(text: str = REVERSE, offset: int = 0, shared_mem: int = 4 * SEGMENT) -> Launch:
    values = np.arange(SEGMENTS * SEGMENT + offset, dtype=np.float32)
    arguments = [values, np.full(SEGMENTS * SEGMENT, np.nan, np.float32), np.int32(offset)]
    return make_launch(text, "reverse", SEGMENTS, 64, arguments, shared_mem, OPTIONS)


def reverse_truth() -> np.ndarray:
    return np.arange(SEGMENTS * SEGMENT, dtype=np.float32).reshape(SEGMENTS, -1)[:, ::-1].ravel()


def sass_finding(launch: Launch, arch: str = "sm_86") -> str:
    """The kind of error that the emulator raises."""
    with pytest.raises(standin.sassrun().SassError) as caught:
        launch.replay_sass(arch)
    return str(caught.value.kind)


# ------------------------------------------------------------------------------------------ nothing is wrong


@pytest.mark.parametrize("order", ORDERS)
def test_cpu_run_is_right(order: str) -> None:
    launch = stencil_launch()
    assert stencil_is_right(launch, launch.replay_cpu(order)[1])
    np.testing.assert_array_equal(reverse_launch().replay_cpu(order)[1], reverse_truth())


@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(kind: str) -> None:
    launch = stencil_launch()
    report = launch.replay_sanitized(kind)
    assert report.ok, report.log
    assert stencil_is_right(launch, report.arrays[1])
    report = reverse_launch().replay_sanitized(kind)
    assert report.ok, report.log
    np.testing.assert_array_equal(report.arrays[1], reverse_truth())


@pytest.mark.parametrize("arch", standin.ARCHITECTURES)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code_is_right(arch: str) -> None:
    launch = stencil_launch()
    assert stencil_is_right(launch, launch.replay_sass(arch)[0][1])
    np.testing.assert_array_equal(reverse_launch().replay_sass(arch)[0][1], reverse_truth())


@pytest.mark.usefixtures("nvrtc")
def test_compile_all() -> None:
    assert list(standin.compile_all(STENCIL)) == list(standin.ARCHITECTURES)
    with pytest.raises(standin.sassrun().CompileError, match="undefined_name"):
        standin.compile_all(mutate(STENCIL, "acc = 0.0f", "acc = undefined_name"), ["sm_75"])


def test_replays_leave_the_launch_alone() -> None:
    launch = stencil_launch()
    launch.replay_cpu()
    launch.replay_sanitized("address")
    assert np.isnan(launch.arrays_before()[1]).all()


# ------------------------------------------------------------------------------------------ barriers


def test_one_mutant_for_each_barrier() -> None:
    assert len(STENCIL_MUTANTS) == STENCIL.count("__syncthreads()") == 2
    assert len({text for _, text in STENCIL_MUTANTS} | {STENCIL}) == 3


@pytest.mark.parametrize(("name", "text"), STENCIL_MUTANTS)
def test_missing_barrier_changes_the_result_in_some_order(name: str, text: str) -> None:
    launch = stencil_launch(text)
    assert not all(stencil_is_right(launch, launch.replay_cpu(order)[1]) for order in ORDERS)


@pytest.mark.parametrize(("name", "text"), STENCIL_MUTANTS)
def test_missing_barrier_is_a_race(name: str, text: str) -> None:
    report = stencil_launch(text).replay_sanitized("thread")
    assert not report.ok
    assert "data race" in report.log
    assert "stencil2d::tile" in report.log


@pytest.mark.parametrize(("name", "text"), STENCIL_MUTANTS)
@pytest.mark.usefixtures("nvrtc")
def test_missing_barrier_is_a_race_in_machine_code(name: str, text: str) -> None:
    assert sass_finding(stencil_launch(text)) in ("race", "uninit")


@pytest.mark.usefixtures("nvrtc")
def test_early_return_before_a_barrier() -> None:
    text = mutate(STENCIL, "    for (int n = 0;", "    if (x_out >= width) return;\n    for (int n = 0;")
    with pytest.raises(LaunchError, match=r"stencil2d: divergent barrier: .* waits at .*:\d+, \d+ of 64 threads have"):
        stencil_launch(text).replay_cpu()
    assert sass_finding(stencil_launch(text)) == "barrier"


@pytest.mark.usefixtures("nvrtc")
def test_barriers_in_two_branches() -> None:
    text = mutate(REVERSE, "__syncthreads();", "if (threadIdx.x % 2)\n__syncthreads();\nelse\n__syncthreads();")
    with pytest.raises(LaunchError, match=r"reverse: divergent barrier: .* and others at "):
        reverse_launch(text).replay_cpu()
    assert sass_finding(reverse_launch(text)) == "barrier"


# ------------------------------------------------------------------------------------------ addresses


@pytest.mark.usefixtures("nvrtc")
def test_halo_loaded_one_short() -> None:
    """The last element of the tile is never written: NaN on the CPU, and known to be unset in the machine code."""
    text = mutate(STENCIL, "i < (TILE_H + 2) * (TILE_W + 2)", "i < (TILE_H + 2) * (TILE_W + 2) - 1")
    launch = stencil_launch(text)
    assert np.isnan(launch.replay_cpu()[1]).any()
    assert sass_finding(launch) == "uninit"


@pytest.mark.usefixtures("nvrtc")
def test_halo_one_too_far_in_the_image() -> None:
    text = mutate(STENCIL, "y < height && x >= 0 && x < width;", "y <= height && x >= 0 && x < width;")
    report = stencil_launch(text).replay_sanitized("address")
    assert not report.ok
    assert "heap-buffer-overflow" in report.log
    assert sass_finding(stencil_launch(text)) == "bounds"


@pytest.mark.usefixtures("nvrtc")
def test_tile_one_row_short() -> None:
    text = mutate(STENCIL, "tile[TILE_H + 2][TILE_W + 2];", "tile[TILE_H + 1][TILE_W + 2];")
    report = stencil_launch(text).replay_sanitized("address")
    assert not report.ok
    assert "out of bounds" in report.log
    assert sass_finding(stencil_launch(text)) == "bounds"


def test_tile_one_column_short() -> None:
    """Inside the array as a whole, outside its row: only UBSan knows."""
    text = mutate(STENCIL, "tile[TILE_H + 2][TILE_W + 2];", "tile[TILE_H + 3][TILE_W + 1];")
    report = stencil_launch(text).replay_sanitized("address")
    assert not report.ok
    assert "index 17 out of bounds" in report.log


@pytest.mark.usefixtures("nvrtc")
def test_exchanged_pitches() -> None:
    text = mutate(STENCIL, "int image_pitch, int out_pitch", "int out_pitch, int image_pitch")
    launch = stencil_launch(text)
    assert not launch.replay_sanitized("address").ok
    assert sass_finding(launch) == "bounds"


@pytest.mark.usefixtures("nvrtc")
def test_dynamic_shared_memory_one_element_short() -> None:
    launch = reverse_launch(shared_mem=4 * SEGMENT - 4)
    report = launch.replay_sanitized("address")
    assert not report.ok
    assert "use-after-poison" in report.log
    assert sass_finding(launch) == "bounds"


@pytest.mark.usefixtures("nvrtc")
def test_misaligned_vector_load() -> None:
    launch = reverse_launch(offset=1)
    report = launch.replay_sanitized("address")
    assert not report.ok
    assert "misaligned address" in report.log
    assert sass_finding(launch) == "align"


@pytest.mark.usefixtures("nvrtc")
def test_shared_memory_that_nobody_wrote() -> None:
    launch = reverse_launch(mutate(REVERSE, "    segment[first + 2] = four.z;\n", ""))
    assert np.isnan(launch.replay_cpu()[1]).sum() == SEGMENTS * SEGMENT // 4
    assert sass_finding(launch) == "uninit"


def test_output_that_nobody_wrote() -> None:
    launch = stencil_launch(mutate(STENCIL, "if (y_out < height && x_out", "if (y_out < height - 1 && x_out"))
    assert np.isnan(launch.replay_cpu()[1][:, -1]).all()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("acc += float(height * 1000000000);", "signed integer overflow"),
        ("acc += float(int(1e10f * height));", "outside the range of representable values"),
        ("acc += float(height << 40);", "shift exponent"),
    ],
)
def test_undefined_arithmetic(statement: str, message: str) -> None:
    text = mutate(STENCIL, "float acc = 0.0f;", f"float acc = 0.0f; {statement}")
    report = stencil_launch(text).replay_sanitized("address")
    assert not report.ok
    assert message in report.log


# ------------------------------------------------------------------------------------------ arguments and dimensions


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({7: 37}, "argument 7 is an integer of 4 bytes; got 8 bytes"),
        ({7: np.float32(37)}, "argument 7 is an integer of 4 bytes; got a float32"),
        (
            {0: np.zeros(4)},
            "argument 0 is a pointer to const of 8 bytes; got an array of float64 for elements of 4 bytes",
        ),
        ({0: np.zeros(4, np.int32)}, "argument 0 is a pointer to const of 8 bytes; got an array of int32"),
        ({2: np.zeros(1, [("tap", "f4", 8)])}, "argument 2 is a struct of 36 bytes; got 32 bytes"),
        ({3: np.zeros(4, np.int32)}, "argument 3 is an integer of 4 bytes; got an array of int32"),
    ],
)
def test_wrong_arguments(changed: dict[int, object], message: str) -> None:
    launch = stencil_launch()
    arguments = launch.before.arguments(launch.before.copy())
    for index, value in changed.items():
        arguments[index] = value
    with pytest.raises(LaunchError, match=message):
        standin.run(STENCIL, "stencil2d", launch.grid, launch.block, arguments, options=OPTIONS)


@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        ((1, 1), (16, 5), "a block has at most 64 threads"),
        ((1, 65536), (16, 4), "a grid is at most"),
        ((1, 1), (1, 1, 65), "a block is at most"),
    ],
)
def test_wrong_dimensions(grid: tuple[int, ...], block: tuple[int, ...], message: str) -> None:
    arguments = stencil_launch().before.places
    arguments = [np.zeros(9999, np.float32) if index < 2 else place for index, place in enumerate(arguments)]
    with pytest.raises(LaunchError, match=message):
        standin.run(STENCIL, "stencil2d", grid, block, arguments, options=OPTIONS)


def test_compile_error_names_the_line() -> None:
    with pytest.raises(standin.CompileError, match=r"kernel\.cu:\d+"):
        standin.run(mutate(STENCIL, "acc = 0.0f", "acc = undefined_name"), "stencil2d", 1, 1, [], options=OPTIONS)
    with pytest.raises(standin.CompileError, match="unrecognized option"):
        standin.run(STENCIL, "stencil2d", 1, 1, [], options=("--no-such-option",))
    with pytest.raises(LaunchError, match="no __global__ function 'other'"):
        standin.run(STENCIL, "other", 1, 1, [])


def test_mutate_refuses_what_changes_nothing() -> None:
    with pytest.raises(ValueError, match="no 'absent'"):
        mutate(STENCIL, "absent", "present")
    with pytest.raises(ValueError, match="changes nothing"):
        mutate(STENCIL, "tile", "tile")


def test_overlapping_arrays_stay_overlapping() -> None:
    """In place: every replay sees its own writes, as on a device."""
    text = 'extern "C" __global__ void shift(float* a, const float* b) { a[threadIdx.x] = b[threadIdx.x] + 1; }'
    memory = np.arange(8, dtype=np.float32)
    launch = make_launch(text, "shift", 1, 4, [memory[1:5], memory[:4]])
    assert len(launch.before.regions) == 1
    np.testing.assert_array_equal(launch.replay_cpu()[0], [1, 2, 3, 4])
    np.testing.assert_array_equal(launch.replay_cpu("reverse")[0], memory[:4] + 1)
    np.testing.assert_array_equal(launch.replay_sanitized("address").arrays[0], [1, 2, 3, 4])


# ------------------------------------------------------------------------------------------ sizes and tools

LARGE = """
struct Weights { float at[1000]; };
extern "C" __global__ void __launch_bounds__(1024) large(float* out, const __grid_constant__ Weights weights)
{
    __shared__ float sums[32][32];
    sums[threadIdx.y][threadIdx.x] = weights.at[threadIdx.x];
    __syncthreads();
    out[threadIdx.y * 32 + threadIdx.x] = sums[threadIdx.x][threadIdx.y];
}
"""


@pytest.mark.parametrize("kind", ["address", "thread"])
def test_a_full_block_with_a_large_struct(kind: str) -> None:
    weights = np.array([(np.arange(1000),)], dtype=[("at", "f4", 1000)])
    launch = make_launch(LARGE, "large", 1, (32, 32), [np.full(1024, np.nan, np.float32), weights])
    expected = np.repeat(np.arange(32.0), 32)
    np.testing.assert_array_equal(launch.replay_cpu("random:3")[0], expected)
    report = launch.replay_sanitized(kind)
    assert report.ok, report.log
    np.testing.assert_array_equal(report.arrays[0], expected)


def test_order_of_the_fixture(any_order: None, request: pytest.FixtureRequest) -> None:
    """Without a barrier the last thread to write wins."""
    text = 'extern "C" __global__ void last(int* out) { *out = threadIdx.x; }'
    out = np.zeros(1, np.int32)
    standin.run(text, "last", 1, 64, [out])
    expected = {"forward": {63}, "reverse": {0}, "random:1": set(range(1, 63))}
    assert out[0] in expected[request.node.callspec.params["any_order"]]


CONVERT = """
extern "C" __global__ void
convert(const float* x, const double* z, int* down, unsigned char* small, unsigned int* natural, long long* wide,
        int* up, unsigned int* shifted)
{
    const int i = threadIdx.x;
    down[i] = __float2int_rd(x[i]);
    small[i] = static_cast<unsigned char>(min(max(__float2int_rn(x[i]), 0), 255));
    natural[i] = __float2uint_rz(x[i]);
    wide[i] = __float2ll_rn(x[i]);
    up[i] = __double2int_ru(z[i]);
    shifted[i] = __funnelshift_r(0x44332211u, 0x88776655u, 8 * i);
}
"""


@pytest.mark.usefixtures("nvrtc")
def test_conversions_are_those_of_the_hardware() -> None:
    """C++ leaves conversions beyond the range open; the header says what the machine code does."""
    x = np.array([2.5, -2.5, 3e9, -3e9, 1e30, np.nan], np.float32)
    empty = [np.zeros(6, dtype) for dtype in (np.int32, np.uint8, np.uint32, np.int64, np.int32, np.uint32)]
    launch = make_launch(CONVERT, "convert", 1, 6, [x, x.astype(float), *empty])
    top, wide = 2**31 - 1, 2**63
    expected = [
        [2, -3, top, -top - 1, top, 0],
        [2, 0, 255, 0, 255, 0],
        [2, 0, 3 * 10**9, 0, 2**32 - 1, 0],
        [2, -2, 3 * 10**9, -3 * 10**9, wide - 1, -wide],
        [3, -2, top, -top - 1, top, -top - 1],
        [0x44332211, 0x55443322, 0x66554433, 0x77665544, 0x44332211, 0x55443322],  # by the shift modulo 32
    ]
    assert [array.tolist() for array in launch.replay_cpu()[2:]] == expected
    assert [array.tolist() for array in launch.replay_sass("sm_86")[0][2:]] == expected
