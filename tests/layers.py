"""The layers that several test files run."""

import gpuconv.nn

LAYERS = [  # input, weight, options
    ((2, 3, 17, 20), (4, 3, 3, 3), {}),
    ((2, 3, 17, 20), (5, 3, 3, 3), {"padding": 1}),
    ((1, 4, 33, 35), (6, 2, 5, 3), {"padding": (2, 1), "groups": 2, "stride": (2, 1)}),
    ((2, 6, 16, 16), (6, 1, 3, 3), {"padding": "same", "groups": 6}),
    ((2, 3, 16, 19), (12, 1, 4, 2), {"padding": "same", "groups": 3, "dilation": 2}),
    ((3, 16, 9, 9), (32, 16, 1, 1), {}),
    ((1, 2, 30, 31), (3, 2, 7, 7), {"stride": 3, "padding": 3, "dilation": (1, 2)}),
    ((3, 9, 10), (2, 3, 2, 2), {"padding": "valid"}),
    ((2, 8, 70), (4, 8, 9), {"padding": 4}),
    ((2, 8, 70), (8, 2, 4), {"padding": "same", "groups": 4, "dilation": 3}),
    ((5, 300), (6, 5, 31), {"stride": 5}),
    ((1, 9), (1, 1, 3), {"padding": 1}),
    ((3, 1, 9), (1, 1, 3), {}),
]


def function_of(weight):
    return gpuconv.nn.conv1d if len(weight) == 3 else gpuconv.nn.conv2d
