"""Files under the store and beside it: durable writes, locks, sealed notes, remembered stats."""
