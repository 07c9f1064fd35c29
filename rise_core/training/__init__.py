"""Fine-tuning by reward-weighted regression: weights, loss, packing, loop in plain PyTorch; Ray Train runs it."""
