"""Guided scenes: short stories that the page guides through and that the tour plays in the terminal, from one source.

`cast` has all of them, `scene` what one is made of, `stage` the hands and eyes, `play` one that is being played, and
`director` the one that is on at a workbench.
"""
