"""What can be said of a server before it runs, from the name of its model: bytes of weights, seconds to start.

Both are lower bounds, since a rule that fires on a guess must not be wrong: weights from the size in the model's name
(`8B`, `8x7B`) and the precision in name or flags, a start from reading them at 250 MB/s plus 90 s for imports, graphs
and warm-up. A model whose name tells nothing has no prediction.
"""

from __future__ import annotations

from vops.manifests.servers import Server
from vops.sizing.named import named_weights

READ_BYTES_PER_S = 250e6
FIXED_START_S = 90
ROUNDED = 0.95
"""What is sold as 7B may have 6.7."""


def weights_bytes(server: Server) -> int | None:
    """The least bytes that a server's weights take; None when the model's name does not tell its size."""
    args = server.args
    named = named_weights(args.model, args.quantization, args.dtype)
    return None if named is None else int(named * ROUNDED)


def start_seconds(server: Server) -> int | None:
    """The least seconds until a server answers /health on a cold node."""
    size = weights_bytes(server)
    return None if size is None else FIXED_START_S + int(size / READ_BYTES_PER_S)
