"""cupy.cuda.function: arguments as CUDA takes them."""

__all__ = ["CNumpyArray"]


class CNumpyArray:
    """An argument that is passed by value, from the memory of a NumPy array."""

    def __init__(self, v):
        self.val = v
