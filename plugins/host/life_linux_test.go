package host_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// children lists the processes that this one started and that are not gone, zombies included.
func children(t *testing.T, parent int) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (name) state ppid …, and the name may hold anything.
		rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(parent) {
			list = append(list, string(text[:60]))
		}
	}
	return list
}

func TestNoProcessIsLeftBehind(t *testing.T) {
	for _, name := range []string{"good", "crashes", "hangs", "stops-itself", "misnamed"} {
		i, err := host.Start(t.Context(), inChild(t, name), host.Options{CallTimeout: time.Second, SilenceTimeout: time.Second})
		if name == "misnamed" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Configure(t.Context(), policy.Setup{Models: pool(2)}); err != nil {
			t.Fatal(err)
		}
		if name == "stops-itself" {
			err = i.Fit(t.Context(), someTask(3, 2, 2), nil)
		} else {
			_, err = i.Route(t.Context(), allRows(somePrompts(3, 2), policy.Preference{}))
		}
		if err == nil && name != "good" {
			t.Errorf("%s works", name)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if left := children(t, os.Getpid()); len(left) > 0 {
			t.Errorf("%s left behind: %q", name, left)
		}
	}
	_, err := host.Start(t.Context(), host.Source{Name: "x", Executable: script(t, "x", "sleep 60 & sleep 60")}, host.Options{StartTimeout: 200 * time.Millisecond})
	wants(t, err, host.KindStart)
	if left := children(t, os.Getpid()); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

const orphanEnv = "TEST_ORPHAN_HOST"

func init() {
	// Re-executed with this variable the test binary is a host that starts a plugin and waits to be killed.
	if os.Getenv(orphanEnv) == "" {
		return
	}
	src, err := host.Self("good")
	if err == nil {
		_, err = host.Start(context.Background(), src, host.Options{})
	}
	fmt.Println("started", err)
	time.Sleep(time.Minute)
	os.Exit(1)
}

// TestPluginsDieWithTheirHost: a host that is killed leaves no plugins running.
func TestPluginsDieWithTheirHost(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp("/tmp", "orphan") // a killed host cannot remove its folders
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), orphanEnv+"=1", "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 100)
	n, _ := out.Read(line)
	if got := string(line[:n]); got != "started <nil>\n" {
		t.Fatalf("the host says %q", got)
	}
	plugins := children(t, cmd.Process.Pid)
	if len(plugins) != 1 {
		t.Fatalf("its plugins: %q", plugins)
	}
	pid, err := strconv.Atoi(strings.Fields(plugins[0])[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for deadline := time.Now().Add(5 * time.Second); ; {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(text), ") Z ") {
			return // gone, or waiting for a parent that collects it
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the plugin lives on after its host was killed")
		}
		time.Sleep(20 * time.Millisecond)
	}
}
