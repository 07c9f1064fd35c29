"""Commands of `rise`, one file each. A command imports its libraries when it runs, so `rise --help` is quick."""
