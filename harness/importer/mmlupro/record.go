package mmlupro

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// record is one answer of one model to one question.
type record struct {
	id       int64
	question string // without space around
	options  []string
	key      string // letter of the right option
	category string
	source   string
	answer   string // letter that the model chose, "" where none was found
	response string // without space around
}

// rawRecord is a record as it stands in the files.
type rawRecord struct {
	QuestionID    json.RawMessage `json:"question_id"` // a number, or its text
	Question      *string         `json:"question"`
	Options       json.RawMessage `json:"options"` // a list, or its text as Python or JSON writes it
	Answer        *string         `json:"answer"`
	AnswerIndex   json.RawMessage `json:"answer_index"`
	Category      string          `json:"category"`
	Source        string          `json:"src"`
	Pred          *string         `json:"pred"`           // null where no answer was found
	GeneratedText *string         `json:"generated_text"` // the response, in files of local models
	ModelOutputs  *string         `json:"model_outputs"`  // the response, in files of hosted models
}

// maxOptions is how many options letters name.
const maxOptions = 26

// parse reads one element of a result file. It returns why, in words, where the element is not a usable record: the
// files end in stray category names, and some requests failed.
func parse(element json.RawMessage) (rec record, reason string) {
	if element = bytes.TrimSpace(element); len(element) == 0 || element[0] != '{' {
		return rec, "not a record"
	}
	var raw rawRecord
	if err := json.Unmarshal(element, &raw); err != nil {
		return rec, "a field of the wrong type" + field(err)
	}
	id, err := strconv.ParseInt(strings.Trim(string(raw.QuestionID), `" `), 10, 64)
	if err != nil || id < 0 {
		return rec, "no question_id"
	}
	if raw.Question == nil || strings.TrimSpace(*raw.Question) == "" {
		return rec, "no question"
	}
	options, err := parseOptions(raw.Options)
	if err != nil {
		return rec, "unreadable options"
	}
	rec = record{id: id, question: strings.TrimSpace(*raw.Question), options: options, category: raw.Category, source: raw.Source}
	if rec.key = rightLetter(raw, len(options)); rec.key == "" {
		return rec, "no right answer among the options"
	}
	switch {
	case raw.GeneratedText != nil:
		rec.response = strings.TrimSpace(*raw.GeneratedText)
	case raw.ModelOutputs != nil:
		rec.response = strings.TrimSpace(*raw.ModelOutputs)
	default:
		return rec, "no response"
	}
	if raw.Pred != nil {
		rec.answer = strings.TrimSpace(*raw.Pred)
	}
	return rec, ""
}

// field names the field that a decoding error is about.
func field(err error) string {
	if e, ok := err.(*json.UnmarshalTypeError); ok && e.Field != "" { //nolint:errorlint // json returns it unwrapped
		return ": " + e.Field
	}
	return ""
}

// rightLetter is the answer's letter, or that of its index where the letter is absent; "" where there is no such option.
func rightLetter(raw rawRecord, options int) string {
	if raw.Answer != nil {
		if key := strings.ToUpper(strings.TrimSpace(*raw.Answer)); len(key) == 1 && key[0] >= 'A' && int(key[0]-'A') < options {
			return key
		}
		return ""
	}
	if i, err := strconv.Atoi(string(raw.AnswerIndex)); err == nil && i >= 0 && i < options {
		return letter(i)
	}
	return ""
}

func letter(i int) string { return string(rune('A' + i)) }

// text is the prompt: the question and a line for every option.
func (r *record) text() string {
	var b strings.Builder
	b.WriteString(r.question)
	for i, option := range r.options {
		b.WriteString("\n" + letter(i) + ". " + option)
	}
	return b.String()
}

// parseOptions reads a list of options: a JSON list, or a string that holds one as JSON or Python writes it.
func parseOptions(raw json.RawMessage) ([]string, error) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return nil, fmt.Errorf("no options")
	}
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
		text = strings.TrimSpace(text)
		if options, err := jsonList([]byte(text)); err == nil {
			return options, nil
		}
		return pythonList(text)
	}
	return jsonList(raw)
}

func jsonList(raw []byte) ([]string, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, err
	}
	options := make([]string, len(elements))
	for i, e := range elements {
		switch {
		case len(e) > 0 && e[0] == '"':
			if err := json.Unmarshal(e, &options[i]); err != nil {
				return nil, err
			}
		case bytes.Equal(e, []byte("null")) || len(e) > 0 && (e[0] == '[' || e[0] == '{'):
			return nil, fmt.Errorf("option %d is %s", i, e)
		default:
			options[i] = string(e) // a number or truth value, as it is written
		}
	}
	return checked(options)
}

func checked(options []string) ([]string, error) {
	if len(options) == 0 || len(options) > maxOptions {
		return nil, fmt.Errorf("%d options, want 1 to %d", len(options), maxOptions)
	}
	return options, nil
}
