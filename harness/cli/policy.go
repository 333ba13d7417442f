package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/bundled"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "List, describe and write policies",
	}
	cmd.AddCommand(policyListCommand(), policyDescribeCommand(), policyNewCommand(), policyCheckCommand())
	return cmd
}

func policyListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the bundled policies and the executables trilemma-policy-* that were found, each started to ask what it is",
		Example: "  trilemma policy list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type entry struct {
				Name    string `json:"name"`
				Source  string `json:"source"`
				Summary string `json:"summary,omitempty"`
				SHA256  string `json:"sha256,omitempty"`
				Error   string `json:"error,omitempty"`
			}
			var list []entry
			for _, d := range bundled.All() {
				list = append(list, entry{Name: d.Description.Name, Source: "bundled", Summary: d.Description.Summary})
			}
			for _, f := range host.Discover(pluginDirs()) {
				e := entry{Name: f.Name, Source: f.Path, SHA256: f.SHA256}
				about, err := policy.Description{}, f.Err
				if err == nil {
					about, err = describeFound(cmd.Context(), f)
				}
				if e.Summary = about.Summary; err != nil {
					e.Error = err.Error()
				}
				list = append(list, e)
			}
			w := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(w).Encode(list)
			}
			t := plainTable(w, "policy", "source", "what it does")
			t.SetColumnConfigs([]table.ColumnConfig{{Number: 3, WidthMax: 110, WidthMaxEnforcer: text.WrapSoft}})
			for _, e := range list {
				what := e.Summary
				if e.Error != "" {
					what = "cannot be used: " + e.Error
				}
				t.AppendRow(table.Row{e.Name, e.Source, what})
			}
			t.Render()
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// plainTable is a table in the house style.
func plainTable(w io.Writer, columns ...string) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	head := table.Row{}
	for _, c := range columns {
		head = append(head, c)
	}
	t.AppendHeader(head)
	return t
}

func policyDescribeCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "describe NAME",
		Short:   "Show what a policy can do and its parameters",
		Example: "  trilemma policy describe predict",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := describePolicy(cmd, args[0])
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(w).Encode(d)
			}
			return printPolicy(w, d)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func describePolicy(cmd *cobra.Command, name string) (policy.Description, error) {
	if def, ok := bundled.Find(name); ok {
		return def.Description, nil
	}
	for _, f := range host.Discover(pluginDirs()) {
		if f.Name != name {
			continue
		}
		if f.Err != nil {
			return policy.Description{}, f.Err
		}
		return describeFound(cmd.Context(), f)
	}
	return policy.Description{}, fmt.Errorf("there is no policy %q: `trilemma policy list` shows those there are", name)
}

// describeFound starts a policy to ask what it is.
func describeFound(ctx context.Context, f host.Found) (policy.Description, error) {
	inst, err := host.Start(ctx, f.Source(), host.Options{StartTimeout: 20 * time.Second})
	if err != nil {
		return policy.Description{}, err
	}
	defer inst.Close()
	return inst.Description(), nil
}

func printPolicy(w io.Writer, d policy.Description) error {
	fmt.Fprintf(w, "%s %s: %s\n", d.Name, d.Version, d.Summary)
	if d.Source != "" {
		fmt.Fprintf(w, "source: %s\n", d.Source)
	}
	fmt.Fprintf(w, "preference: %s; needs: %v; stochastic: %v; learns: %v; saves: %v; online: %v; combines: %v; sequential: %v\n",
		d.Preference, d.Needs, d.Stochastic, d.Learns, d.Saves, d.Online, d.Combines, d.Sequential)
	var schema struct {
		Properties map[string]struct {
			Description string          `json:"description"`
			Type        string          `json:"type"`
			Default     json.RawMessage `json:"default"`
			Enum        []any           `json:"enum"`
			Minimum     *float64        `json:"minimum"`
			Maximum     *float64        `json:"maximum"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(d.ParamsSchema, &schema); err != nil {
		return fmt.Errorf("reading the schema of %s: %w", d.Name, err)
	}
	if len(schema.Properties) == 0 {
		_, err := fmt.Fprintln(w, "no parameters")
		return err
	}
	t := plainTable(w, "parameter", "type", "default", "allowed", "what it does")
	for name, p := range schema.Properties {
		allowed := ""
		switch {
		case len(p.Enum) > 0:
			allowed = fmt.Sprint(p.Enum)
		case p.Minimum != nil && p.Maximum != nil:
			allowed = fmt.Sprintf("%v to %v", *p.Minimum, *p.Maximum)
		case p.Minimum != nil:
			allowed = fmt.Sprintf("from %v", *p.Minimum)
		}
		t.AppendRow(table.Row{name, p.Type, string(p.Default), allowed, p.Description})
	}
	t.SortBy([]table.SortBy{{Number: 1}})
	t.Render()
	return nil
}
