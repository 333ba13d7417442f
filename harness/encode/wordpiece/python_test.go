package wordpiece

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/encode/weights"
)

// reference makes texts of random characters and every character between letters, and tokenises them with the library
// that models are trained with.
const reference = `
import json, random, sys
from tokenizers import Tokenizer
t = Tokenizer.from_file(sys.argv[1])
t.no_padding()
t.enable_truncation(512)
random.seed(1)
def char():
    k = random.random()
    if k < .4: return chr(random.randint(0, 127))
    if k < .6: return chr(random.randint(0, 0x2ff))
    if k < .9: return chr(random.choice([random.randint(0x300, 0xd7ff), random.randint(0xe000, 0xffff)]))
    return chr(random.randint(0x10000, 0x10ffff))
texts = ["".join(char() for _ in range(random.randint(0, 60))) for _ in range(4000)]
for first in range(0x80, 0x30000, 16):
    texts.append(" ".join("a" + chr(c) + "b" for c in range(first, first + 16) if not 0xd800 <= c <= 0xdfff))
words = "the unbelievable [SEP] routing-policy costs $0.75, naïve [MASK]? 中文 e\u0301 don't 3.14e-5 #hash".split()
for _ in range(2000):
    texts.append(random.choice([" ", "", "\n", "\u200b"]).join(random.choice(words) + char() for _ in range(random.randint(0, 30))))
json.dump([{"text": x, "ids": t.encode(x).ids} for x in texts], sys.stdout)
`

// Token ids equal those of Hugging Face's tokenizers on texts of any characters. It needs an installed MiniLM, and a
// Python that has tokenizers.
func TestEncodeEqualsTokenizers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir, err := weights.Locate("minilm")
	if err != nil {
		t.Skip(err)
	}
	python := os.Getenv("TRILEMMA_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import tokenizers").Run(); err != nil {
		t.Skipf("%s has no tokenizers: set TRILEMMA_PYTHON to one that has", python)
	}
	out, err := exec.Command(python, "-c", reference, filepath.Join(dir, tokenizerFile)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Text string
		IDs  []int32
	}
	if err := json.Unmarshal(out, &cases); err != nil {
		t.Fatal(err)
	}
	tok, _, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for _, c := range cases {
		if got := tok.Encode(nil, c.Text, 512); !slices.Equal(got, c.IDs) {
			if wrong++; wrong <= 5 {
				t.Errorf("%+q:\n%v, want\n%v", c.Text, got, c.IDs)
			}
		}
	}
	t.Logf("%d of %d texts differ", wrong, len(cases))
}
