"""The program in a model card, a string.Template: the same dialogue as rise_core.method.dialogue."""

from string import Template

EXAMPLE = Template("""\
import sys

from transformers import AutoModelForCausalLM, AutoTokenizer

SYSTEM, PROBLEM = $SYSTEM, $PROBLEM
FEEDBACK = $FEEDBACK
TURNS, WINDOW = $TURNS, $WINDOW
SAMPLING = $SAMPLING

tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForCausalLM.from_pretrained(".")
question = PROBLEM.replace("{problem}", sys.argv[1])
attempts = []
for turn in range(TURNS):
    chat = [{"role": "system", "content": SYSTEM}] if SYSTEM else []
    chat.append({"role": "user", "content": question})
    for attempt in attempts[max(0, len(attempts) - WINDOW + 1) :]:
        chat.append({"role": "assistant", "content": attempt})
        chat.append({"role": "user", "content": FEEDBACK.replace("{problem}", question)})
    state = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = state["input_ids"]
    sampled = model.generate(input_ids=ids, attention_mask=state["attention_mask"], **SAMPLING)
    attempts.append(tokenizer.decode(sampled[0, ids.shape[1] :], skip_special_tokens=True).strip())
    print(f"turn {turn + 1}: {attempts[-1]}")
""")
