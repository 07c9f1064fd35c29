"""Answers to open states: policies, the learner's renderer, a teacher's paid endpoint, and local models."""
