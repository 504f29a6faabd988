"""What is run on a checkout, and belongs to no package that is installed."""
