package mmlupro

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// pythonList reads a list of strings and numbers as Python's repr writes it: in single quotes or, where they hold one, in double quotes;
// its escapes are those of Python's string literals. NumPy's repr, which leaves the commas out, is read as well.
func pythonList(text string) ([]string, error) {
	if !strings.HasPrefix(text, "[") || !strings.HasSuffix(text, "]") || len(text) < 2 {
		return nil, errors.New("not a list")
	}
	rest := text[1 : len(text)-1]
	var options []string
	comma := true // a comma, or the start, came before
	for {
		rest = strings.TrimLeft(rest, " \t\r\n")
		switch {
		case rest == "":
			return checked(options)
		case rest[0] == ',':
			if comma {
				return nil, errors.New("a comma without an option")
			}
			comma, rest = true, rest[1:]
			continue
		case rest[0] == '\'' || rest[0] == '"':
			option, after, err := pythonString(rest)
			if err != nil {
				return nil, err
			}
			options, rest = append(options, option), after
		default:
			end := strings.IndexAny(rest, ", \t\r\n")
			if end < 0 {
				end = len(rest)
			}
			if _, err := strconv.ParseFloat(rest[:end], 64); err != nil {
				return nil, fmt.Errorf("%q is no option", rest[:end])
			}
			options, rest = append(options, rest[:end]), rest[end:]
		}
		comma = false
	}
}

// simpleEscapes are the escapes of one letter.
var simpleEscapes = map[byte]byte{
	'n': '\n', 't': '\t', 'r': '\r', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v', '\\': '\\', '\'': '\'', '"': '"',
}

// codeEscapes are the escapes that a number of hexadecimal digits follows.
var codeEscapes = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// pythonString reads the string literal that text begins with, and returns what follows it.
func pythonString(text string) (value, rest string, err error) {
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); {
		c := text[i]
		switch {
		case c == quote:
			return b.String(), text[i+1:], nil
		case c != '\\':
			b.WriteByte(c)
			i++
		case i+1 == len(text):
			return "", "", errors.New("a string that does not end")
		default:
			size, err := escape(&b, text[i+1:])
			if err != nil {
				return "", "", err
			}
			i += 1 + size
		}
	}
	return "", "", errors.New("a string that does not end")
}

// escape writes what the escape after a backslash stands for, and returns its length.
func escape(b *strings.Builder, text string) (int, error) {
	c := text[0]
	if plain, ok := simpleEscapes[c]; ok {
		b.WriteByte(plain)
		return 1, nil
	}
	if digits, ok := codeEscapes[c]; ok {
		if len(text) < 1+digits {
			return 0, errors.New("an escape that does not end")
		}
		code, err := strconv.ParseUint(text[1:1+digits], 16, 32)
		if err != nil || code > utf8.MaxRune {
			return 0, fmt.Errorf("the escape \\%s is no character", text[:1+digits])
		}
		b.WriteRune(rune(code))
		return 1 + digits, nil
	}
	// Python keeps the backslash of what is no escape.
	b.WriteByte('\\')
	b.WriteByte(c)
	return 1, nil
}
