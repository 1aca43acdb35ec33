"""One file for each activation, or for each family of a few; every file here is found and registered by itself."""
