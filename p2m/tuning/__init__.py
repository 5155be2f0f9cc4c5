"""What proposes the trials of a search over settings of the training and of the student."""
