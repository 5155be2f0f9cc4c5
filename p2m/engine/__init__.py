"""A build engine that knows nothing of prompts or models: typed steps, content keys, a verified store."""
