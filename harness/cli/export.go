package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/interop"
	"github.com/trilemma-bench/trilemma/harness/store"
)

func exportCommand() *cobra.Command {
	var results, tensorboard, mlflow string
	cmd := &cobra.Command{
		Use:   "export [RUN]",
		Short: "Write metrics, fronts and training curves of a run for TensorBoard and MLflow",
		Long: `Writes a finished run for the tools that people have open: event files for "tensorboard --logdir DIR", and runs for
"mlflow ui --backend-store-uri DIR". Each policy, in a pool and with a seed, is one of their runs: metrics of its front
under metrics/, its points by preference under front/, and its training by stage. Exporting again replaces the files.
Newer versions of MLflow read such a folder only with MLFLOW_ALLOW_FILE_STORE=true set, or once "mlflow migrate-filestore"
has brought it into a database.`,
		Example: "  trilemma export quickstart --tensorboard tb --mlflow mlruns",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tensorboard == "" && mlflow == "" {
				return misused(cmd, "name a folder to write to, with --tensorboard DIR, --mlflow DIR or both")
			}
			run, err := store.Find(results, first(args))
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if tensorboard != "" {
				paths, err := interop.TensorBoard(run, tensorboard)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "%d event files; look at them with: tensorboard --logdir %s\n", len(paths), tensorboard)
			}
			if mlflow != "" {
				dir, err := interop.MLflow(run, mlflow)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "%s; look at it with: MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri %s\n", dir, mlflow)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&results, "results", "results", "folder of all results")
	cmd.Flags().StringVar(&tensorboard, "tensorboard", "", "folder to write event files to")
	cmd.Flags().StringVar(&mlflow, "mlflow", "", "folder to write MLflow's runs to")
	return cmd
}
