"""Frames in, figures out: the curves of a run and of a study, and what probes saw, in one style.

Nothing here trains or touches pyplot. `style` has what every figure shares, `axes` what axes share; `curves`,
`histograms`, `rows` and `numbers` draw one kind of figure each; `run` and `comparison` choose those that apply.
"""
