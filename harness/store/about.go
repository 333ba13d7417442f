package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// About is what the run may say of itself with the words of its experiment file. A description tells of the data that the
// file names: where --set put other data in their place it is not printed, and that is said instead; what else was set is
// said beside it. "" where the file describes nothing.
func (m *Manifest) About() (string, error) {
	var config struct {
		Description string `json:"description"`
	}
	if len(m.Config) > 0 {
		if err := json.Unmarshal(m.Config, &config); err != nil {
			return "", fmt.Errorf("reading config of %s: %w", ManifestFile, err)
		}
	}
	text := strings.TrimSpace(config.Description)
	var data, other []string
	for _, set := range m.Sets {
		key := strings.TrimSpace(set)
		if i := strings.IndexByte(key, '='); i >= 0 {
			key = strings.TrimSpace(key[:i])
		}
		told := "`" + set + "`"
		switch {
		case key == "description":
			return text, nil // whoever set it described this run
		case slices.Contains(data, told) || slices.Contains(other, told):
		case within("data", key) && !within("data.split", key):
			data = append(data, told)
		case !slices.ContainsFunc(undescribed, func(section string) bool { return within(section, key) }):
			other = append(other, told)
		}
	}
	switch {
	case len(data) > 0:
		file := "the experiment file"
		if m.File != "" {
			file = m.File
		}
		return fmt.Sprintf("On other data than %s describes, by %s.", file, strings.Join(append(data, other...), ", ")), nil
	case text == "" || len(other) == 0:
		return text, nil
	}
	return fmt.Sprintf("%s (Set otherwise in this run: %s.)", text, strings.Join(other, ", ")), nil
}

// Command is the command line that makes the run again; "" where its file is not known.
func (m *Manifest) Command() string {
	if m.File == "" {
		return ""
	}
	command := "trilemma run " + m.File
	for _, s := range m.Sets {
		command += " --set " + strconv.Quote(s)
	}
	return command
}

// undescribed are sections that no description is about: how a run is done and drawn, not what is asked.
var undescribed = []string{"backend", "timeout", "batch", "plots", "data.split", "metrics"}

func within(section, key string) bool { return key == section || strings.HasPrefix(key, section+".") }
