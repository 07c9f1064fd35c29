"""vLLM engines: a pool of Ray actors for runs, and a single engine in the calling process for `rise solve`."""
