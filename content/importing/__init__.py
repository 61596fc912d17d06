"""Import items from files: inspect each file, read its rows, check each row, write them in batches.

A *layout* is how rows are stored in a file: a JSON list, a JSON object, JSON lines or CSV.
A *format* is what the keys of a row mean: `master`, `tmdb-csv` or `wikipedia`.

| to add | write a module in | and list it in |
|---|---|---|
| a layout | `layouts/` | `LAYOUTS` of `layouts/__init__.py` |
| a format | `formats/` | `FORMATS` of `formats/__init__.py` |

Nothing else has to change: `files` detects layout and format with these lists, and the command
offers every format in `--format`.

`files` inspects a file and streams its rows, `values` checks single values, `writing` upserts a batch,
`report` writes down the rejected rows, and `runs` combines them.

A row that cannot be imported is a `RejectedRow`: it goes into the report, and the import continues.
A file that cannot be imported is an `UnusableFile`: nothing is written, not even from other files.
"""
