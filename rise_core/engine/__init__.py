"""The Ray pool of vLLM engines."""

from rise_core.engine.errors import EngineClosed, EngineError, EngineLost
from rise_core.engine.pool import EnginePool

__all__ = ["EngineClosed", "EngineError", "EngineLost", "EnginePool"]
