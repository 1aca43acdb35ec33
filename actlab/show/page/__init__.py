"""A page to send to others: the question, the answer, the table, the figures, the data and how to reproduce them.

    report    write a page, or make its text, as HTML or as Markdown
    chapter   what it is about: the experiments in the paths, each read once
    section   what the templates print of an experiment
    figures   its figures and films; svg: a figure as part of a page
    current   the page kept up to date while runs train, in a file or for a browser

Everything is read from run directories. The page is one file that works from a disk without a network; it holds no
script but its own, and nothing that a name in a record could make run. TensorFlow is not needed.
"""
