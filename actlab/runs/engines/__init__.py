"""How a training is carried out: the model built from a config, and the compiled loop over its steps."""
