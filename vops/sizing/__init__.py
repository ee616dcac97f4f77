"""Will it fit: predicts what vLLM does with a card before anything is scheduled.

Pure arithmetic over a model's configuration, a card and the engine's settings. Fetching configurations and keeping
measurements are operations; knowing what changed between versions of vLLM is vops.model.dialects.
"""
