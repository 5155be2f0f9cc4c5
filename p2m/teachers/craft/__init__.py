"""What is said to a chat model, and how its replies are read: attributes, inputs, answers; no provider."""
