package wordpiece

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// tiny is a vocabulary of our own, with pieces that overlap.
func tiny(t testing.TB, set Settings) *Tokenizer {
	t.Helper()
	vocabulary := map[string]int32{}
	for _, token := range strings.Fields("[PAD] [UNK] [CLS] [SEP] [MASK] a b c ab abc ##a ##b ##c ##bc ##abc he hello ##llo ##o e i ##i 中 文 ! ? . [ ] sep ß ##ß der ω ##σ cafe ##e café é ##é") {
		vocabulary[token] = int32(len(vocabulary))
	}
	tok, err := New(vocabulary, set)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// words of a tokenizer's answer, for readable tests.
func tokens(t *Tokenizer, ids []int32) string {
	var out []string
	names := t.Tokens()
	for _, id := range ids {
		out = append(out, names[id])
	}
	return strings.Join(out, " ")
}

func TestEncode(t *testing.T) {
	cased := DefaultSettings()
	cased.Lowercase, cased.StripAccents = false, false
	cases := []struct {
		set        Settings
		text, want string
	}{
		{DefaultSettings(), "", "[CLS] [SEP]"},
		{DefaultSettings(), "Hello ABC!", "[CLS] hello abc ! [SEP]"},
		{DefaultSettings(), "abcabc aba", "[CLS] abc ##abc ab ##a [SEP]"},
		{DefaultSettings(), "abx a", "[CLS] [UNK] a [SEP]"},
		{DefaultSettings(), "a\u0000b \ufffd\u200bc\u0085d\x0be", "[CLS] ab [UNK] [SEP]"},
		{DefaultSettings(), "a\xff\xfeb \xc3", "[CLS] ab [SEP]"},
		{DefaultSettings(), "CAFÉ cafe\u0301 İ", "[CLS] cafe cafe i [SEP]"},
		{DefaultSettings(), "中文a", "[CLS] 中 文 a [SEP]"},
		{DefaultSettings(), "a[SEP]b [sep] [MASK]", "[CLS] a [SEP] b [ sep ] [MASK] [SEP]"},
		{DefaultSettings(), "a\u00a0b\u2028c\u3000a", "[CLS] a b c a [SEP]"},
		{DefaultSettings(), strings.Repeat("a", 101) + " " + strings.Repeat("a", 3), "[CLS] [UNK] a ##a ##a [SEP]"},
		{cased, "Hello café", "[CLS] [UNK] café [SEP]"},
	}
	for _, c := range cases {
		tok := tiny(t, c.set)
		if got := tokens(tok, tok.Encode(nil, c.text, 64)); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
	tok := tiny(t, DefaultSettings())
	if got := tokens(tok, tok.Encode(nil, "abcabc a [SEP] b c", 5)); got != "[CLS] abc ##abc a [SEP]" {
		t.Errorf("cut to five: %s", got)
	}
	if got := tokens(tok, tok.Encode([]int32{7}, "a b", 2)); got != "c [CLS] [SEP]" {
		t.Errorf("appended, cut to two: %s", got)
	}
}

// slow is the algorithm as the reference implementation has it, text by text and pass by pass, with no shortcut.
func slow(t *Tokenizer, text string, maxTokens int) []int32 {
	ids := []int32{t.begin}
	for text != "" {
		found := ""
		for i := range text {
			for s := range t.special {
				if strings.HasPrefix(text[i:], s) && len(s) > len(found) {
					found = s
				}
			}
			if found != "" {
				ids = append(ids, slowWords(t, text[:i])...)
				ids = append(ids, t.special[found])
				text = text[i+len(found):]
				break
			}
		}
		if found == "" {
			ids = append(ids, slowWords(t, text)...)
			break
		}
	}
	return append(ids[:min(len(ids), maxTokens-1)], t.end)
}

func slowWords(t *Tokenizer, text string) []int32 {
	var clean []rune
	for _, r := range text {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			clean = append(clean, ' ')
		case r == 0 || r == 0xfffd || isOther(r):
		case unicode.IsSpace(r):
			clean = append(clean, ' ')
		case IsChinese(r):
			clean = append(clean, ' ', r, ' ')
		default:
			clean = append(clean, r)
		}
	}
	text = string(clean)
	if t.set.StripAccents {
		text = strings.Map(func(r rune) rune {
			if isAccent(r) {
				return -1
			}
			return r
		}, norm.NFD.String(text))
	}
	if t.set.Lowercase {
		text = strings.Map(unicode.ToLower, strings.ReplaceAll(text, "İ", "i\u0307"))
	}
	var spaced strings.Builder
	for _, r := range text {
		if r < 128 && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r > ' ' || isPunctuation(r) {
			spaced.WriteString(" " + string(r) + " ")
		} else {
			spaced.WriteRune(r)
		}
	}
	var ids []int32
	for _, word := range strings.Fields(spaced.String()) {
		ids = append(ids, slowPieces(t, []rune(word))...)
	}
	return ids
}

func slowPieces(t *Tokenizer, word []rune) []int32 {
	if len(word) > t.set.MaxWordChars {
		return []int32{t.unknown}
	}
	names := t.Tokens()
	var ids []int32
	for start := 0; start < len(word); {
		best, length := -1, 0
		for id, name := range names {
			if start > 0 {
				var ok bool
				if name, ok = strings.CutPrefix(name, t.set.Prefix); !ok {
					continue
				}
			}
			n := utf8.RuneCountInString(name)
			if n > length && start+n <= len(word) && string(word[start:start+n]) == name {
				best, length = id, n
			}
		}
		if best < 0 {
			return []int32{t.unknown}
		}
		ids, start = append(ids, int32(best)), start+length
	}
	return ids
}

// settings of every kind of model that there is.
func kinds() []Settings {
	cased, accents := DefaultSettings(), DefaultSettings()
	cased.Lowercase, cased.StripAccents = false, false
	accents.StripAccents = false
	return []Settings{DefaultSettings(), cased, accents}
}

func FuzzEncodeEqualsSlowReference(f *testing.F) {
	for _, seed := range []string{"", "Hello ABC!", "a[SEP]b", "CAFÉ cafe\u0301 İ", "a\xff b", "中文a\u200b", "[[MASK]", strings.Repeat("ab", 60)} {
		f.Add(seed, 16)
	}
	var all []*Tokenizer
	for _, set := range kinds() {
		all = append(all, tiny(f, set))
	}
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = 2 + max(most, -most)%300
		for _, tok := range all {
			got, want := tok.Encode(nil, text, most), slow(tok, text, most)
			if !slices.Equal(got, want) {
				t.Errorf("%+q: %s\nwant %s", text, tokens(tok, got), tokens(tok, want))
			}
		}
	})
}

func TestEncodeEqualsSlowReference(t *testing.T) {
	var all []*Tokenizer
	for _, set := range kinds() {
		all = append(all, tiny(t, set))
	}
	rapid.Check(t, func(r *rapid.T) {
		parts := rapid.SliceOf(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"hello", "abc", " ", "[SEP]", "[", "\u0301", "É", "ß", "中", "\x00", "\xff", "Ω", "a", "ab"}))).Draw(r, "parts")
		text := strings.Join(parts, "")
		most := rapid.IntRange(2, 60).Draw(r, "most")
		for _, tok := range all {
			if got, want := tok.Encode(nil, text, most), slow(tok, text, most); !slices.Equal(got, want) {
				r.Fatalf("%+q: %s\nwant %s", text, tokens(tok, got), tokens(tok, want))
			}
		}
	})
}

// Long texts are read in segments: where they are cut must not show.
func TestSegmentsDoNotShow(t *testing.T) {
	tok := tiny(t, DefaultSettings())
	for _, unit := range []string{"cafe\u0301 ", "中", "hello", "É", "a\u0301\u0323b "} {
		text := strings.Repeat(unit, 3*segmentBytes/len(unit)+7)
		if got, want := tok.Encode(nil, text, 1<<20), slow(tok, text, 1<<20); !slices.Equal(got, want) {
			t.Errorf("%q repeated: %d ids, want %d", unit, len(got), len(want))
		}
	}
}

func TestLoad(t *testing.T) {
	write := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	const vocab = "[PAD]\r\n[UNK]\n[CLS]\n[SEP]\na\n##b\nÉ"
	tok, files, err := Load(write(map[string]string{vocabFile: vocab, configFile: `{"do_lower_case":false,"pad_token":{"content":"[PAD]"}}`}))
	if err != nil || tok.Size() != 7 || !slices.Equal(files, []string{vocabFile, configFile}) {
		t.Fatalf("size %d, files %q, %v", tok.Size(), files, err)
	}
	if got := tokens(tok, tok.Encode(nil, "ab É A", 9)); got != "[CLS] a ##b É [UNK] [SEP]" {
		t.Error(got)
	}
	const whole = `{"added_tokens":[{"id":3,"content":"[MASK]","special":true}],
		"normalizer":{"type":"BertNormalizer","lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},
		"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]"}},{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"[SEP]"}}]},
		"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[MASK]":3,"[SEP]":4,"a":5}}}`
	if tok, _, err = Load(write(map[string]string{tokenizerFile: whole})); err != nil {
		t.Fatal(err)
	}
	if got := tokens(tok, tok.Encode(nil, "á [MASK]", 9)); got != "[CLS] a [MASK] [SEP]" {
		t.Error(got)
	}
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"no file":        {"x", "", "neither tokenizer.json nor vocab.txt"},
		"bad JSON":       {tokenizerFile, "{", "fetch the file again"},
		"BPE":            {tokenizerFile, `{"model":{"type":"BPE","vocab":[["a",1]]}}`, "is a BPE"},
		"no vocabulary":  {tokenizerFile, `{"model":{"type":"WordPiece"}}`, "no vocabulary"},
		"normalizer":     {tokenizerFile, strings.Replace(whole, "BertNormalizer", "NFC", 1), "BertNormalizer"},
		"post":           {tokenizerFile, strings.Replace(whole, "TemplateProcessing", "Roberta", 1), "post_processor"},
		"negative id":    {tokenizerFile, strings.Replace(whole, `"a":5`, `"a":-5`, 1), "negative id"},
		"id out of type": {tokenizerFile, strings.Replace(whole, `"a":5`, `"a":5000000000`, 1), "vocab"},
		"two ids":        {tokenizerFile, strings.Replace(whole, `"[MASK]":3`, `"[MASK]":9`, 1), "has the ids 9 and 3"},
		"no UNK":         {vocabFile, "[CLS]\n[SEP]\n", `"[UNK]"`},
		"not UTF-8":      {vocabFile, "[CLS]\n\xff\n", "line 2 is not UTF-8"},
	} {
		if _, _, err := Load(write(map[string]string{c.file: c.text})); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
	if _, _, err := Load(write(map[string]string{vocabFile: vocab, configFile: `{`})); err == nil {
		t.Error("a broken tokenizer_config.json: no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"model":{"type":"WordPiece","vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3}},"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"}}`), "a b")
	f.Fuzz(func(t *testing.T, text []byte, prompt string) {
		if tok, err := Parse(text); err == nil {
			tok.Encode(nil, prompt, 20)
		}
	})
}
