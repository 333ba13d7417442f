package cli

import (
	"os"
	"runtime/debug"
)

// heapGoal is the size up to which the heap may grow at leisure. Go lets a heap double before it collects; beyond this it
// collects more often instead, so that a trace of 10 million outcomes is replayed in less than 4 GiB. It is a goal and no
// limit: what is needed is still allocated.
const heapGoal = 3 << 30

// holdMemory sets the goal, unless the user has set one.
func holdMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapGoal)
	}
}
