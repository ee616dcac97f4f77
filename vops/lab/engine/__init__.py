"""A model of vLLM as a process: how it starts, serves, measures itself and fails. Facts and texts are vLLM's own."""
