"""The other side of the sampling benchmarks, in a process of its own: a bare vLLM engine, or Hugging Face `generate`.

Started by collection.py and engines.py as `sampler.py vllm|transformers SETTINGS.json`. It reads a line of JSON from
stdin at a time, {"requests": file, "limit": n}, samples those requests, and answers {"seconds": s, "tokens": n} on
stdout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

Requests = list[dict[str, Any]]  # problem_id, prompt_ids, seed, length


class Sampler:
    """A sampler process; `sample` blocks. While it waits for work it uses no processor time."""

    def __init__(
        self,
        kind: str,
        settings: dict[str, Any],
        folder: Path,
        environment: dict[str, str],
        core: int | None = None,  # to run on; None: wherever the kernel likes
    ) -> None:
        pin = [] if core is None else ["taskset", "--cpu-list", str(core)]
        file = folder / f"{kind}.json"
        file.write_text(json.dumps(settings))
        self.process = subprocess.Popen(
            [*pin, sys.executable, __file__, kind, str(file)],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()  # ready

    def sample(self, requests: Path, limit: int | None = None) -> tuple[float, int]:
        """Seconds and tokens for the requests of a file, or the first `limit` of them."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"requests": str(requests), "limit": limit}) + "\n")
        self.process.stdin.flush()
        answer = self.answer()
        return answer["seconds"], answer["tokens"]

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):  # libraries print too
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"the sampler ended with status {self.process.wait()}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def serve(kind: str, settings: dict[str, Any]) -> None:
    sample = {"vllm": bare_engine, "transformers": one_at_a_time}[kind](settings)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        requests: Requests = json.loads(Path(order["requests"]).read_text())[: order["limit"]]
        seconds, tokens = sample(requests)
        assert tokens == sum(request["length"] for request in requests)
        print(json.dumps({"seconds": seconds, "tokens": tokens}), flush=True)


def bare_engine(settings: dict[str, Any]) -> Any:
    """One call of vllm.LLM.generate with all requests, each with its own length."""
    from vllm import LLM, SamplingParams

    llm = LLM(**settings["engine"])

    def sample(requests: Requests) -> tuple[float, int]:
        parameters = [
            SamplingParams(
                temperature=settings["temperature"],
                top_p=settings["top_p"],
                seed=request["seed"],
                max_tokens=request["length"],
                ignore_eos=True,
                detokenize=False,
            )
            for request in requests
        ]
        prompts = [{"prompt_token_ids": request["prompt_ids"]} for request in requests]
        assert llm.reset_prefix_cache()
        begun = time.perf_counter()
        outputs = llm.generate(prompts, parameters, use_tqdm=False)
        seconds = time.perf_counter() - begun
        return seconds, sum(len(output.outputs[0].token_ids) for output in outputs)

    return sample


def one_at_a_time(settings: dict[str, Any]) -> Any:
    """The published code's way: transformers' generate, one request after the other, nothing kept between them."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(settings["threads"])
    model = AutoModelForCausalLM.from_pretrained(settings["engine"]["model"], dtype=torch.float32).eval()

    def sample(requests: Requests) -> tuple[float, int]:
        tokens, begun = 0, time.perf_counter()
        for request in requests:
            torch.manual_seed(request["seed"])
            prompt = torch.tensor([request["prompt_ids"]])
            out = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=True,
                temperature=settings["temperature"],
                top_p=settings["top_p"],
                top_k=0,
                min_new_tokens=request["length"],
                max_new_tokens=request["length"],
                pad_token_id=0,
            )
            tokens += out.shape[1] - prompt.shape[1]
        return time.perf_counter() - begun, tokens

    return sample


if __name__ == "__main__":
    serve(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))
