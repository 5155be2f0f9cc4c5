"""Training by p2m beside a plain script over transformers' Trainer: rows, contestants, figures."""
