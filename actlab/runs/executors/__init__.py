"""Many trainings on many workers. Every executor calls the same `training.train`."""
