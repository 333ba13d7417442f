package params

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/spelling"
)

// CheckPool tells whether a pool can be routed over: it has models, and each has a name of its own.
func CheckPool(models []policy.Model) error {
	if len(models) == 0 {
		return errors.New("the pool is empty: name at least one model")
	}
	seen := make(map[string]bool, len(models))
	for i, m := range models {
		if m.ID == "" || seen[m.ID] {
			return fmt.Errorf("model %d of the pool is called %q: every model needs a name of its own", i, m.ID)
		}
		seen[m.ID] = true
	}
	return nil
}

// FindModel is the index of the model of the pool that a parameter names.
func FindModel(models []policy.Model, parameter, id string) (int, error) {
	nearest, distance := "", len(id)/3+2
	for i, m := range models {
		if m.ID == id {
			return i, nil
		}
		if d := spelling.Distance(strings.ToLower(id), strings.ToLower(m.ID)); d <= distance {
			nearest, distance = m.ID, d-1
		}
	}
	hint := "the pool has " + names(models, 12)
	if nearest != "" {
		hint = fmt.Sprintf("did you mean %q? (%s)", nearest, hint)
	}
	return 0, fmt.Errorf("parameter %q: no model %q, %s", parameter, id, hint)
}

// names lists up to limit models.
func names(models []policy.Model, limit int) string {
	list := make([]string, 0, limit+1)
	for i, m := range models {
		if i == limit {
			list = append(list, fmt.Sprintf("… (%d in all)", len(models)))
			break
		}
		list = append(list, m.ID)
	}
	return strings.Join(list, ", ")
}
