"""cupy.cuda.graph: the launches that a stream has captured."""

__all__ = ["Graph"]


class Graph:
    """Launches that nobody has made yet."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("currently this class cannot be initiated by the user")

    def launch(self, stream=None):
        from .stream import get_current_stream

        for launch in self._launches:
            launch((stream or get_current_stream()).ptr)


def captured(launches):
    """The graph of some launches, functions of the stream they go to."""
    graph = object.__new__(Graph)
    graph._launches = launches
    return graph
