"""The activations: a function, or a family of them, a file.

Unless a docstring says otherwise, x is a tensor of any shape and floating dtype, f works on each element, and the
result has the shape and dtype of x. A new one is a decorated function in a new file here; CONTRIBUTING.md shows it.
"""
