"""What a handful of seeds can say: arrays in, estimates with their intervals out.

NaN is refused, since a seed that failed must be counted by whoever makes the table. SciPy is imported when it is first
needed, and of it `scipy.special`: importing `scipy.stats` takes a second, comparing runs takes less.
"""
