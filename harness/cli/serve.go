package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/browse"
)

func serveCommand() *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use:   "serve [RESULTS]",
		Short: "Browse all runs of a folder of results: sort, filter, open, compare, watch a running one",
		Long: `Serves a folder of results, results/ where none is named, to a browser on this machine, until Ctrl-C. It only reads,
and needs no network. The address of each page holds what is sorted, filtered, chosen and drawn, so that a link or the back
button restores it. --addr with another address than the loopback shows results to whoever reaches that address.`,
		Example: "  trilemma serve --addr localhost:7420",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			results := first(args)
			if results == "" {
				results = "results"
			}
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return fmt.Errorf("--addr %q: want host:port, such as localhost:7420: %w", addr, err)
			}
			s, err := browse.New(results, host)
			if err != nil {
				return err
			}
			var listen net.ListenConfig
			l, err := listen.Listen(cmd.Context(), "tcp", addr)
			if err != nil {
				return fmt.Errorf("listening: %w; choose another with --addr, of which port 0 is any that is free", err)
			}
			server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
			context.AfterFunc(cmd.Context(), func() {
				soon, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				_ = server.Shutdown(soon) // what is left open is a page that asks again
			})
			fmt.Fprintf(cmd.OutOrStdout(), "%s at http://%s/ until Ctrl-C\n", results, l.Addr())
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving %s: %w", results, err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "localhost:7420", "host and port to listen on")
	return cmd
}
