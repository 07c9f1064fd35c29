"""Fine-tuning by reward-weighted regression: loss, packing and loop in plain PyTorch, run by Ray Train."""
