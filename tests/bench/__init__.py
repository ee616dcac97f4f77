"""How fast vops is, each number beside a peer's that was measured in the same run. Nothing here is asserted."""
