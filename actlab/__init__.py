"""actlab: compare activation functions by experiment."""
