"""Where a build is told of: one file a tracker. None of them is in any key, and none can fail a build."""
