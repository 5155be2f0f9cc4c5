"""Backends as a recipe names them: `runtime: onnx` stands for p2m.deploy.backends.onnx.Onnx."""
