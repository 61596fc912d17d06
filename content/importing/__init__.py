"""From files to items: check the file, read its rows, check each row, write them in batches.

`sources` tells what a file is and streams its rows, `formats` says what a row means,
`values` checks single values, `writing` upserts a batch, `runs` drives it all. One bad
row is rejected and reported (`RejectedRow`); a file that is not what it says it is changes
nothing (`UnusableFile`).
"""
