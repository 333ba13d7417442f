package wordpiece

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Files of a model folder that a tokenizer is read from.
const (
	tokenizerFile = "tokenizer.json"
	vocabFile     = "vocab.txt"
	configFile    = "tokenizer_config.json"
)

// Load reads the tokenizer of a model folder: from tokenizer.json where there is one, else from vocab.txt and, for case
// and accents, tokenizer_config.json. It returns the names of the files that it read.
func Load(dir string) (*Tokenizer, []string, error) {
	text, err := textfile.Read(filepath.Join(dir, tokenizerFile))
	switch {
	case err == nil:
		t, err := Parse(text)
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, tokenizerFile), err)
		}
		return t, []string{tokenizerFile}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("reading the tokenizer: %w", err)
	}
	text, err = textfile.Read(filepath.Join(dir, vocabFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("folder %s has neither %s nor %s: give the whole folder of a BERT model", dir, tokenizerFile, vocabFile)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the tokenizer: %w", err)
	}
	files := []string{vocabFile}
	vocabulary, err := ParseVocabulary(text)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, vocabFile), err)
	}
	set := DefaultSettings()
	text, err = textfile.Read(filepath.Join(dir, configFile))
	switch {
	case err == nil:
		files = append(files, configFile)
		if err := set.overlay(text); err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, configFile), err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("reading the tokenizer: %w", err)
	}
	t, err := New(vocabulary, set)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, vocabFile), err)
	}
	return t, files, nil
}

// ParseVocabulary reads a vocab.txt: one token a line, ids from 0.
func ParseVocabulary(text []byte) (map[string]int32, error) {
	vocabulary := map[string]int32{}
	var id int32
	for line := range bytes.Lines(textfile.Trim(text)) {
		token := strings.TrimRight(string(line), "\r\n")
		if !utf8.ValidString(token) {
			return nil, fmt.Errorf("line %d is not UTF-8; give a BERT vocab.txt, one token a line", id+1)
		}
		// As in the reference, the last of two equal tokens counts.
		vocabulary[token] = id
		id++
	}
	return vocabulary, nil
}

// overlay takes over what a tokenizer_config.json says.
func (s *Settings) overlay(text []byte) error {
	var c struct {
		Lower   *bool `json:"do_lower_case"`
		Accents *bool `json:"strip_accents"`
		Chinese *bool `json:"tokenize_chinese_chars"`
		Basic   *bool `json:"do_basic_tokenize"`
		Unknown any   `json:"unk_token"`
		Begin   any   `json:"cls_token"`
		End     any   `json:"sep_token"`
		Pad     any   `json:"pad_token"`
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("%w; give the model's own file, or remove it for the settings of BERT uncased", err)
	}
	if c.Basic != nil && !*c.Basic {
		return errors.New("do_basic_tokenize is false, which is not supported; use a model that has tokenizer.json")
	}
	if c.Lower != nil {
		s.Lowercase, s.StripAccents = *c.Lower, *c.Lower
	}
	if c.Accents != nil {
		s.StripAccents = *c.Accents
	}
	if c.Chinese != nil {
		s.Chinese = *c.Chinese
	}
	name := func(have *string, v any) {
		// A token is its text, or an object that has it as content.
		if m, ok := v.(map[string]any); ok {
			v = m["content"]
		}
		if text, ok := v.(string); ok && text != "" {
			*have = text
		}
	}
	name(&s.Unknown, c.Unknown)
	name(&s.Begin, c.Begin)
	name(&s.End, c.End)
	name(&s.Pad, c.Pad)
	s.Special = append(s.Special, s.Unknown, s.Begin, s.End, s.Pad)
	return nil
}

// Parse reads a tokenizer.json. Its truncation and padding are not heeded: they belong to whoever calls.
func Parse(text []byte) (*Tokenizer, error) {
	var f struct {
		Added []struct {
			ID      int32  `json:"id"`
			Content string `json:"content"`
			Special bool   `json:"special"`
		} `json:"added_tokens"`
		Normalizer *struct {
			Type         string `json:"type"`
			Clean        *bool  `json:"clean_text"`
			Chinese      *bool  `json:"handle_chinese_chars"`
			StripAccents *bool  `json:"strip_accents"`
			Lowercase    *bool  `json:"lowercase"`
		} `json:"normalizer"`
		PreTokenizer *struct {
			Type string `json:"type"`
		} `json:"pre_tokenizer"`
		Post *struct {
			Type   string `json:"type"`
			Single []struct {
				Special *struct {
					ID string `json:"id"`
				} `json:"SpecialToken"`
			} `json:"single"`
			Sep []any `json:"sep"`
			Cls []any `json:"cls"`
		} `json:"post_processor"`
		Model struct {
			Type     string           `json:"type"`
			Unknown  string           `json:"unk_token"`
			Prefix   string           `json:"continuing_subword_prefix"`
			MaxChars int              `json:"max_input_chars_per_word"`
			Vocab    map[string]int32 `json:"vocab"`
		} `json:"model"`
	}
	// The vocabulary of another kind of model need not be an object, so the kind is looked at first.
	var kind struct {
		Model struct {
			Type string `json:"type"`
		} `json:"model"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, fmt.Errorf("%w; fetch the file again", err)
	}
	if t := kind.Model.Type; t != "WordPiece" && t != "" {
		return nil, fmt.Errorf("the tokenizer is a %s, want WordPiece as BERT models have", t)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%w; fetch the file again", err)
	}
	if len(f.Model.Vocab) == 0 {
		return nil, errors.New("it has no vocabulary; give the tokenizer.json of a BERT model")
	}
	set := DefaultSettings()
	set.Special = nil
	if f.Normalizer == nil || f.Normalizer.Type != "BertNormalizer" || f.PreTokenizer == nil || f.PreTokenizer.Type != "BertPreTokenizer" {
		return nil, errors.New("its normalizer and pre_tokenizer are not those of BERT (BertNormalizer, BertPreTokenizer)")
	}
	or := func(v *bool, otherwise bool) bool {
		if v == nil {
			return otherwise
		}
		return *v
	}
	n := f.Normalizer
	set.Clean, set.Chinese, set.Lowercase = or(n.Clean, true), or(n.Chinese, true), or(n.Lowercase, true)
	set.StripAccents = or(n.StripAccents, set.Lowercase) // unset: accents go with the case
	if f.Model.Unknown != "" {
		set.Unknown = f.Model.Unknown
	}
	if f.Model.Prefix != "" {
		set.Prefix = f.Model.Prefix
	}
	if f.Model.MaxChars > 0 {
		set.MaxWordChars = f.Model.MaxChars
	}
	if p := f.Post; p != nil {
		switch {
		case p.Type == "TemplateProcessing" && len(p.Single) == 3 && p.Single[0].Special != nil && p.Single[2].Special != nil:
			set.Begin, set.End = p.Single[0].Special.ID, p.Single[2].Special.ID
		case p.Type == "BertProcessing" && len(p.Sep) == 2 && len(p.Cls) == 2:
			set.Begin, set.End = fmt.Sprint(p.Cls[0]), fmt.Sprint(p.Sep[0])
		default:
			return nil, fmt.Errorf("its post_processor (%s) does not put one token before and one behind a text, as BERT's does", p.Type)
		}
	}
	for _, a := range f.Added {
		if !a.Special {
			return nil, fmt.Errorf("its added token %q is not special, which is not supported", a.Content)
		}
		if id, ok := f.Model.Vocab[a.Content]; ok && id != a.ID {
			return nil, fmt.Errorf("token %q has the ids %d and %d", a.Content, id, a.ID)
		}
		f.Model.Vocab[a.Content] = a.ID
		set.Special = append(set.Special, a.Content)
	}
	return New(f.Model.Vocab, set)
}
