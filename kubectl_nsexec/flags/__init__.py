"""The flags of the command line by what they are about, as the option parser needs them."""
