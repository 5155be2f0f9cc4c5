"""The parts of a store: contents, entries, leases, roots' anchors, and the exchange with a shared store."""
