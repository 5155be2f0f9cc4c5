"""What can be wrong with a row that a teacher answered, one file each."""
