"""The commands of `rise`, a file each. They import what they use when they run, so that `rise --help` is quick."""
