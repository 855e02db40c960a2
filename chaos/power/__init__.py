"""The power-loss campaign: what a disk may be left with when the power goes, and whether everything told before is there.

`recorder` records what a program asks of the disk, `trace` reads it, `disk` says what may be left of it,
`workload` is what is recorded, `check` judges an image, `recovery` lets the runs go on from it, `campaign` puts them together.
"""
