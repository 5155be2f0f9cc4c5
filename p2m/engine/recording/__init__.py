"""Recorded calls: one durable record a request that was paid for."""
