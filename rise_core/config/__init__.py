"""The typed config of a run.

keys, training_keys, engine_keys    every key: type, default, range, meaning, moments of an allowed change
choices, field_types                enums, ranges and markers of the keys
profiles, load                      YAML files and overrides, merged and checked; the stored YAML
check                               rules across keys
changes                             the difference of two configs
"""
