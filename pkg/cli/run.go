package cli

import (
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/metrics"
)

const runLong = `Makes a backup that was reserved elsewhere: by the API, which hands it to a workflow or a container. It
exits as "cofre create" would have. Started a second time for the same backup, it does nothing and says
so with exit code 2: a delivery that comes twice does no harm.`

const runExamples = `  cofre run 01JH5W0R8ZB3M7K2Q4X9T6V1NA
  cofre run 01JH5W0R8ZB3M7K2Q4X9T6V1NA --json`

func (p *program) runCommand() *cobra.Command {
	return &cobra.Command{
		Use: "run ID", Short: "Make a backup that was reserved by the API", Long: runLong, Example: runExamples,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(anyBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.make(cmd, args[0]) },
	}
}

func (p *program) make(cmd *cobra.Command, id string) error {
	a, err := p.open(cmd.Context())
	if err != nil {
		return err
	}
	bar := p.bar(backup.PhaseConnecting)
	b, err := a.Service.Run(cmd.Context(), id, func(pr backup.Progress) { bar.Set(stateOf(pr)) })
	bar.Close()
	p.acted(cmd.Context(), a, "run", id, err, nil)
	if b.ID != "" && p.getenv("AWS_EXECUTION_ENV") == "AWS_ECS_FARGATE" { // CloudWatch finds metrics in the log
		if merr := metrics.EMF(p.screen, a.Config().MetricsNamespace, time.Now(), metrics.Ended(b, err)); merr != nil {
			p.log.Warn("metrics not written", "error", merr.Error())
		}
	}
	return p.made(cmd, a, b, err)
}
