package bundled

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policytest"
)

// With TRILEMMA_FULL set the policies train as long as they do by default.
func TestConformance(t *testing.T) {
	for _, d := range All() {
		t.Run(d.Description.Name, func(t *testing.T) {
			var opt policytest.Options
			if raw := quick[d.Description.Name]; raw != "" && os.Getenv("TRILEMMA_FULL") == "" && !d.Description.EachModel {
				if err := json.Unmarshal([]byte(raw), &opt.Params); err != nil {
					t.Fatal(err)
				}
				if _, agent := opt.Params["steps"]; agent { // predict conforms by itself, and ppo's tests take it as a start
					opt.Params["steps"], opt.Params["warm_start"] = 1024, "none"
				}
			}
			policytest.RunOpener(t, policytest.InProcess(d), opt)
		})
	}
}
