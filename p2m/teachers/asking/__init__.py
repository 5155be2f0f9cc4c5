"""Asking a chat model many things: each once, at the pace that it allows, and never for more than allowed."""
