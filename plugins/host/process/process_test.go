package process_test

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/plugins/host/process"
)

// What is printed before and after the handshake line goes to the log, the line alone to go-plugin.
func TestGreetingIsToldApart(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	var printed bytes.Buffer
	log := process.NewLog(&printed)
	p := process.New(log)
	if err := p.Prepare(exec.Command("sh", "-c", "echo before; echo '1|2|unix|/tmp/none|grpc|x'; echo after; echo 'panic: cause'; exit 3")); err != nil {
		t.Fatal(err)
	}
	if p.Started() || p.ID() != "" {
		t.Error("it has started before Start")
	}
	if err := p.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(p.Stdout())
	if err != nil || string(out) != "1|2|unix|/tmp/none|grpc|x\n" {
		t.Errorf("go-plugin reads %q, %v", out, err)
	}
	if err := p.Wait(context.Background()); err == nil {
		t.Error("an exit status of 3 is no error")
	}
	if got := p.Exit(time.Second); !strings.Contains(got, "exit status 3") || p.Killed() {
		t.Errorf("%q, killed %v", got, p.Killed())
	}
	if printed.String() != "before\nafter\npanic: cause\n" {
		t.Errorf("the log has %q", printed.String())
	}
	if last := log.Last(); !slices.Contains(last, "after") || last[len(last)-1] != "panic: cause" {
		t.Errorf("last lines %q", last)
	}
	if got := p.Problem(3); !strings.Contains(got, "version 2") {
		t.Errorf("another protocol's problem is %q", got)
	}
	if got := p.Problem(2); !strings.Contains(got, "certificate") {
		t.Errorf("without a certificate the problem is %q", got)
	}
}

func TestKilledBeforeItRan(t *testing.T) {
	p := process.New(process.NewLog(nil))
	if err := p.Prepare(exec.Command("sleep", "60")); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(context.Background()); err == nil || p.Started() {
		t.Errorf("it started: %v", err)
	}
	if got := p.Exit(0); got != "" && got != "it did not start" {
		t.Errorf("its end is %q", got)
	}
}

// A policy sees what it takes to run, and nothing that says where a trace lies; what is added wins.
func TestEnvironment(t *testing.T) {
	t.Setenv("TRILEMMA_DATA", "/secret")
	t.Setenv("XLA_FLAGS", "a")
	env := process.Environment([]string{"XLA_FLAGS=b"})
	if slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "TRILEMMA_DATA=") }) {
		t.Error("the trace's folder is passed on")
	}
	if !slices.Contains(env, "XLA_FLAGS=a") || env[len(env)-1] != "XLA_FLAGS=b" {
		t.Errorf("environment %q", env)
	}
}
