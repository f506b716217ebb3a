"""A convolutional layer in pictures: a photograph, eight filters, the eight feature maps they give.

    python examples/feature_maps.py [OUTPUT]

Needs matplotlib and pyvips (`pip install 'gpuconv[cli]'`). The filters are made by hand: edges in four directions, a
blur, a spot, and two colour opponents, as the first layer of a trained network has them, too.
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from gpuconv import demo
from gpuconv.nn import conv2d

GREY = np.full(3, 1 / 3, "float32")
RED_GREEN, BLUE_YELLOW = np.array([1, -1, 0], "float32"), np.array([-0.5, -0.5, 1], "float32")


def layer() -> dict[str, np.ndarray]:
    """Names and weights of the filters, (3 channels, 5, 5) each."""
    t = np.arange(-2, 3, dtype="float32")
    bell = np.exp(-(t**2) / 2)
    blur = np.outer(bell, bell) / np.outer(bell, bell).sum()
    slope = np.outer(bell, -t) / np.abs(np.outer(bell, t)).sum()
    diagonal = np.subtract.outer(t, -t) * blur
    spot = blur - np.full((5, 5), 1 / 25)
    planes = {
        "vertical edges": slope,
        "horizontal edges": slope.T,
        "diagonal \\": diagonal,
        "diagonal /": diagonal[:, ::-1],
    }
    filters = {name: np.multiply.outer(GREY, plane) for name, plane in planes.items()}
    filters |= {"blur": np.multiply.outer(GREY, blur), "spots": np.multiply.outer(GREY, spot)}
    filters |= {
        "red - green": np.multiply.outer(RED_GREEN, blur),
        "blue - yellow": np.multiply.outer(BLUE_YELLOW, blur),
    }
    return {name: weights.astype("float32") for name, weights in filters.items()}


def draw(photograph: np.ndarray) -> plt.Figure:
    """Filters (mean over the colours) above the feature maps they give."""
    filters = layer()
    image = np.moveaxis(photograph, -1, 0)[None].astype("float32") / 255  # (1, 3, H, W)
    maps = conv2d(image, np.stack(list(filters.values())), padding="same")[0]  # (8, H, W)
    figure = plt.figure(figsize=(12, 8.4), layout="constrained")
    grid = figure.add_gridspec(4, 6, height_ratios=(0.35, 1, 0.35, 1))
    left = figure.add_subplot(grid[:, :2])
    left.imshow(photograph)
    left.set_title(f"input {image.shape[1:]}")
    left.axis("off")
    for index, (name, weights) in enumerate(filters.items()):
        row, column = 2 * (index // 4), 2 + index % 4
        for offset, picture, title in ((0, weights[np.abs(weights).sum((1, 2)).argmax()], name), (1, maps[index], "")):
            axes = figure.add_subplot(grid[row + offset, column])
            limit = np.percentile(np.abs(picture), 99.5)
            signed = picture.min() < -0.05 * limit
            axes.imshow(picture, cmap="gray", vmin=-limit if signed else 0, vmax=limit)
            axes.set_title(title, fontsize=11)
            axes.axis("off")
    figure.suptitle(
        f"A convolutional layer: input {image.shape}, weights (8, 3, 5, 5), feature maps {(1, *maps.shape)}",
        fontsize=14,
    )
    return figure


if __name__ == "__main__":
    output = sys.argv[1] if len(sys.argv) > 1 else "feature_maps.jpg"
    draw(demo.photograph()).savefig(output, dpi=90)
    print(f"wrote {output}")
