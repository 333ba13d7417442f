"""Writes minilm.json: what transformers makes of some awkward texts, which `trilemma encoder check` compares with.

    pip install torch transformers
    python minilm.py FOLDER_OF_MINILM > minilm.json
"""

import base64
import hashlib
import json
import re
import sys

import torch
import transformers

TEXTS = [
    "",
    "Which policy routes a prompt best?",
    "ALL CAPITALS, MiXeD cAsE; punctuation!? (and) [brackets] {too} …",
    "Ärger über Öl: naïve façade, smörgåsbord, cafe\u0301, İstanbul",
    "数学と科学 and 中文字符 side by side",
    "Здравствуй, мир. Γειά σου Κόσμε. שלום עולם. مرحبا بالعالم",
    "control\x00 and\u200b zero-width\ufeff characters\x7f, tabs\tand\r\nnew lines",
    "emoji \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 and flags \U0001f1eb\U0001f1f7",
    "a [SEP] in the [MASK] middle [CLS] of [unk] text [UNK]",
    "x" * 120 + " after a word that is too long",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "f(x) = \\int_0^1 e^{-x^2}\\,dx \\approx 0.7468; if x<3 && y!=2 { return x**2 }",
    "one two three four five six seven eight nine ten " * 60,
    "   leading and trailing   \u00a0\u3000spaces ",
]

folder = sys.argv[1]
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
model = transformers.AutoModel.from_pretrained(folder).eval()
cases = []
for text in TEXTS:
    batch = tokenizer(text, truncation=True, max_length=256, padding=False, return_tensors="pt")
    with torch.inference_mode():
        vector = model(**batch).last_hidden_state.mean(1)[0]
        vector = torch.nn.functional.normalize(vector, dim=0)
    cases.append({
        "text": text,
        "ids": batch["input_ids"][0].tolist(),
        "vector": base64.b64encode(vector.numpy().astype("<f4").tobytes()).decode(),
    })
with open(f"{folder}/model.safetensors", "rb") as f:
    weights = hashlib.sha256(f.read()).hexdigest()
text = json.dumps({
    "reference": f"transformers {transformers.__version__}, torch {torch.__version__}, float32",
    "weights_sha256": weights,
    "cases": cases,
}, indent=1)
# A list of ids on one line.
print(re.sub(r"\[[\d,\s]+\]", lambda m: " ".join(m[0].split()).replace("[ ", "[").replace(" ]", "]"), text))
