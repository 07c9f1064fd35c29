"""The Ray pool of vLLM engines."""
