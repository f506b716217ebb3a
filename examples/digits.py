"""A small convolutional network that learns to read digits, and what it keeps of the forward pass to do so.

    python examples/digits.py [OUTPUT]

Needs PyTorch, scikit-learn (its 1797 images of 8 x 8 pixels) and matplotlib. Two layers of gpuconv.torch, each with a
ReLU behind it, and a dense layer at the end read at least 95 of 100 digits that they have not seen. The picture shows
what is kept of one digit: the input and the feature maps of both layers.

Forward, a layer computes y = w * x + b and keeps x and w. Backward, it is given g = dL/dy and returns
dL/dx (what the filters give back to the samples they took from: a transposed layer), dL/dw (each tap's sum of
g times the sample it met) and dL/db (the sum of g). Nothing else has to be stored.
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits

from gpuconv.torch import Conv2d

ACCURACY = 0.95  # on digits that the network has not seen


class Network(torch.nn.Module):
    """Two convolutional layers, and a score for each digit from all samples of the last feature maps."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Conv2d(1, 16, 3, padding=1, padding_mode="replicate")
        self.second = Conv2d(16, 32, 3, stride=2, padding=1)
        self.scores = torch.nn.Linear(32 * 4 * 4, 10)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return both layers' feature maps and the scores."""
        first = torch.relu(self.first(images))
        second = torch.relu(self.second(first))
        return first, second, self.scores(second.flatten(1))


def train(images: torch.Tensor, digits: torch.Tensor, epochs: int = 12) -> Network:
    """Fit a network by Adam, in batches of 64."""
    torch.manual_seed(0)
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            loss = torch.nn.functional.cross_entropy(network(images[batch])[-1], digits[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1:2}: loss of the last batch {loss.item():.3f}")
    return network


def draw(network: Network, image: torch.Tensor, path: str) -> None:
    """Draw what the forward pass keeps of one image."""
    with torch.no_grad():
        first, second, scores = network(image[None])
    figure, axes = plt.subplots(4, 13, figsize=(13, 4.4))
    maps = [image[0], *first[0], *second[0]]
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < len(maps):
            axis.imshow(maps[index], cmap="gray")
    axes[0, 0].set_title("input", fontsize=8)
    axes[0, 1].set_title("layer 1 ...", fontsize=8)
    axes[1, 4].set_title("layer 2 ...", fontsize=8)
    figure.suptitle(f"read as {scores.argmax().item()}; what backward needs of the forward pass")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Train on three quarters of the digits, test on the rest."""
    data = load_digits()
    images, digits = torch.tensor(data.images[:, None] / 16, dtype=torch.float32), torch.tensor(data.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    images, digits, split = images[order], digits[order], 3 * len(images) // 4
    network = train(images[:split], digits[:split])
    with torch.no_grad():
        right = (network(images[split:])[-1].argmax(1) == digits[split:]).float().mean().item()
    print(f"{right:.1%} of {len(images) - split} unseen digits are read right")
    assert right >= ACCURACY
    draw(network, images[-1], sys.argv[1] if len(sys.argv) > 1 else "gpuconv-digits.png")


if __name__ == "__main__":
    main()
