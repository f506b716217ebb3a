"""One call of a layer's kernel: the integers that it reads, in the order of FIELDS, and the arrays they point to."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import ClassVar

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.job import COUNTERS, Job
from gpuconv.cpu.values import Value
from gpuconv.cpu.worker import work_through

NOWHERE = -(1 << 62)  # in a table of sources: the fill value
FIELDS = (
    *(
        "items",
        "groups",
        "blocks_g",
        "blocks_o",
        "blocks_h",
        "blocks_w",
    ),  # a block: image, groups, outputs, rows, columns
    *("image", "image_offsets", "image_row", "image_pixel", "beside"),  # beside: channels are neighbours in memory
    *("channels", "depth", "depth_blocks"),  # table of the bytes to each channel of each group; channels a group
    *("row_sources", "column_sources", "inside_w0", "inside_w1", "fill"),  # bytes to each window row and column
    *("ahead", "out_ahead"),  # bytes from what is read and written to what is worth asking for
    *("inside_h0", "inside_h1", "origin"),  # bytes from the first column of the image to that of the window
    *("stride_h", "stride_w", "reach_h", "reach_w", "dilation_h", "dilation_w", "filter_w"),
    *(
        "places",
        "row_bytes",
        "block_bytes",
    ),  # of a patch: bytes to a column's pixel, to the next row, to the next block
    *("taps", "tap_offsets", "weights", "weights_group", "weights_block", "bias"),
    *("out", "out_offsets", "out_row", "out_pixel", "out_channel", "out_h", "out_w"),
    *("outputs", "all_outputs", "store", "straight", "planes", "turned_row"),  # planes: rows of a channel lie together
    *("patch", "stage", "turned", "spectrum", "products"),  # offsets in the scratch memory
    *("tiles_h", "tiles_w", "tiles"),  # Winograd's: down and across the output, and the most of a block
    *("wides", "spectrum_bytes", "products_bytes", "spoilt"),  # steps over output channels; bytes of a coefficient
    *("grad", "grad_offsets", "grad_pixel", "grad_beside", "grad_channels", "grad_rows", "grad_columns"),
    *("grad_patch", "grad_places", "grad_row_bytes", "grad_block_bytes"),
    *("images", "blocks_k", "depth_chunk", "sums", "sums_bytes"),  # blocks of input channels, channels of the largest
    *("kept_taps", "tap_outs", "out_depth"),  # bytes to a tap and to the next input channel of the weights
    *("runs", "run_taps", "run_length", "run_outs", "run_sums"),  # of weights; tables of where they go and come from
)
SCRATCH = ("patch", "stage", "turned", "spectrum", "products", "grad_patch", "sums")
ALIGNMENT = 64


class LayerJob(Job):
    """A job with the fields of a layer."""

    INDEX: ClassVar[dict[str, int]] = {name: len(COUNTERS) + i for i, name in enumerate(FIELDS)}


def each_item(e: Emitter, compute: Callable[[SimpleNamespace, Value], None]) -> str:
    """Write kernel(job, scratch, spins): compute items until none is left, then look `spins` times for others' end."""
    work = e.fields(e.job + 8 * len(COUNTERS), FIELDS)
    for name in SCRATCH:
        setattr(work, name, e.scratch + getattr(work, name))
    work_through(e, work.items, lambda item: compute(work, item))
    return e.text()
