package experiment

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// expand replaces ${VAR} and ${VAR:-default}; a variable that is empty counts as unset where there is a default. lead
// tells that the text begins with a variable taken from the environment.
func expand(text string, env func(string) (string, bool)) (out string, lead bool, err error) {
	var missing []string
	for i, m := range variable.FindAllStringSubmatchIndex(text, -1) {
		name := text[m[2]:m[3]]
		if value, ok := env(name); ok && value != "" && i == 0 && m[0] == 0 {
			lead = true
		}
	}
	out = variable.ReplaceAllStringFunc(text, func(ref string) string {
		m := variable.FindStringSubmatch(ref)
		value, ok := env(m[1])
		switch {
		case m[2] != "" && value == "":
			return m[3]
		case !ok:
			missing = append(missing, m[1])
		}
		return value
	})
	if len(missing) > 0 {
		return "", false, fmt.Errorf("the environment variable %s is not set: set it, or write ${%s:-default}", strings.Join(missing, " and "), missing[0])
	}
	if strings.Contains(out, "${") {
		return "", false, fmt.Errorf("%q: write a variable as ${NAME} or ${NAME:-default}", text)
	}
	return out, lead, nil
}

// base is the folder that the relative path at a place starts from: the working directory for what --set gave, else the
// experiment file's folder.
func (c *checker) base(path string) string {
	if c.where[path].set != "" {
		return "."
	}
	return c.dir
}

// path resolves variables, ~ and the starting folder of a path. A path that begins with a variable of the environment
// starts, like one of --set, from the working directory.
func (c *checker) path(at, text string) string {
	if text == "" {
		return ""
	}
	out, lead, err := expand(text, c.env)
	if err != nil {
		c.wrongAt(at, "%v", err)
		return ""
	}
	if rest, ok := strings.CutPrefix(out, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			out = filepath.Join(home, rest)
		}
	}
	if !filepath.IsAbs(out) && !lead {
		out = filepath.Join(c.base(at), out)
	}
	return filepath.Clean(out)
}
