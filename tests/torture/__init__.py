"""The reliability matrix: every promise of docs/reliability.md, put to the test in a reduced and in a full form."""
