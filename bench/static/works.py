"""The cases whose machine code is executed."""

import numpy as np

from .executed import Work

DIRECT = SEPARABLE = (3, 5, 7, 9, 11, 15, 21, 31)
PIXELS = (3, 5, 7, 11, 15, 31)
LOW_RANK = (15, 21, 31)
VOLUMES, SEPARABLE_VOLUMES = (3, 5, 7), (3, 5, 7, 9, 15)
DEPTHWISE = (3, 5, 7, 9, 15, 31)
STRIDED = (3, 5, 7)
SIGNALS = (16, 64, 256)
LAYERS = {  # input, weights, stride
    "3x3, 64 to 64, 56x56": ((8, 64, 56, 56), (64, 64, 3, 3), 1),
    "3x3, 128 to 128, 28x28": ((8, 128, 28, 28), (128, 128, 3, 3), 1),
    "3x3, 256 to 256, 14x14": ((8, 256, 14, 14), (256, 256, 3, 3), 1),
    "5x5, 64 to 64, 56x56": ((8, 64, 56, 56), (64, 64, 5, 5), 1),
    "1x1, 256 to 64, 56x56": ((8, 256, 56, 56), (64, 256, 1, 1), 1),
    "7x7 stride 2, 3 to 64, 224x224": ((8, 3, 224, 224), (64, 3, 7, 7), 2),
}
GRADIENTS = {  # the same
    "3x3, 64 to 64, 56x56": ((8, 64, 56, 56), (64, 64, 3, 3), 1),
    "3x3, 256 to 256, 14x14": ((8, 256, 14, 14), (256, 256, 3, 3), 1),
    "3x3 stride 2, 128 to 128, 56x56": ((8, 128, 56, 56), (128, 128, 3, 3), 2),
}


def works() -> list[Work]:
    """Every case, filters first."""
    found = [Work("direct", f"{k}x{k}", k * k, 8) for k in DIRECT]
    found += [Work("separable", f"{k}x{k}", 2 * k, 8) for k in SEPARABLE]
    found += [Work("RGB, channels last", f"{k}x{k}", k * k, 8) for k in PIXELS]
    found += [Work("sum of two outer products", f"{k}x{k}", 4 * k, 8) for k in LOW_RANK]
    found += [Work("volumes", f"{k}x{k}x{k}", k**3, 8) for k in VOLUMES]
    found += [Work("volumes, separable", f"{k}x{k}x{k}", 3 * k, 8) for k in SEPARABLE_VOLUMES]
    found += [Work("depthwise", f"{k}x{k}", k * k, 8) for k in DEPTHWISE]
    found += [Work("depthwise, stride 2", f"{k}x{k}", k * k, 20) for k in STRIDED]
    found += [Work("gradient magnitude", "Sobel 3x3", 18, 8)]
    found += [Work("1D", f"{k} taps", k, 8) for k in SIGNALS]
    found += [Work("depthwise, 1D", f"{k} taps", k, 8) for k in (4, 31)]
    found += [_layer_work("dense", name, *LAYERS[name]) for name in LAYERS]
    return found + [_layer_work("gradient of weights", name, *GRADIENTS[name]) for name in GRADIENTS]


def _layer_work(family: str, name: str, input_: tuple[int, ...], weights: tuple[int, ...], stride: int) -> Work:
    """Ideal traffic: every input, weight and output once; a gradient's output is one with respect to a weight."""
    outputs = input_[0] * weights[0] * (input_[2] // stride) * (input_[3] // stride)
    values, products = np.prod(input_) + np.prod(weights) + outputs, outputs * np.prod(weights[1:])
    written = outputs if family == "dense" else np.prod(weights)
    return Work(family, name, float(products / written), float(4 * values / written), blocks=8)
