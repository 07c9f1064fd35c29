"""The lake, its tables, and the home folder of checkpoints and runs. Knows no stage and no flow."""
