"""The RISE method (arXiv 2407.18219, section 4) in pure code. No Ray, torch, vLLM, Prefect or DuckDB.

dialogue    states of the multi-turn MDP as token ids (4.1)
episode     turn plans, open states, seeds: how episodes unfold (4.1)
selection   best-of-N targets among the responses of a turn (4.2)
weights     exp(reward / tau) of reward-weighted regression (4.2)
metrics     votes, passes and transitions of an evaluation (5)
comparison  paired differences between runs
solving     one problem over several turns, as at deployment (4.3)
"""
