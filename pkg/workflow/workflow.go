// Package workflow hands long work to a state machine of AWS Step Functions, which runs it for as long as it takes and
// records the failure when whoever ran it dies.
//
// There is one for backups, one for restores, one for proofs and one for copies, and a Workflow is one of them. An execution bears the id of its backup or
// restore in its name, and Step Functions runs each name once. So starting the same one twice is harmless, also at the same time and from
// several functions.
package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsarn "github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"cofre/pkg/cloud"
	"cofre/pkg/fault"
)

// Workflow is one state machine. It is safe for use by several goroutines.
type Workflow struct {
	client *sfn.Client
	arn    string
	now    func() time.Time
}

// Open prepares the state machine with this ARN. It makes no request. The AWS SDK's variables count.
func Open(ctx context.Context, arn string) (*Workflow, error) {
	a, err := awsarn.Parse(arn)
	if err != nil || a.Service != "states" {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "For example: BACKUP_WORKFLOW_ARN=arn:aws:states:eu-west-1:123456789012:stateMachine:cofre",
			"BACKUP_WORKFLOW_ARN is no ARN of a state machine")
	}
	cfg, err := cloud.Load(ctx, a.Region)
	if err != nil {
		return nil, err
	}
	return &Workflow{client: sfn.NewFromConfig(cfg), arn: arn, now: time.Now}, nil
}

// input is what an execution starts with. Without an action it does what its state machine is for.
type input struct {
	ID     string `json:"id,omitempty"`
	Action string `json:"action,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	Asked  string `json:"asked,omitempty"`
}

// Launch starts the execution that makes a reserved backup.
func (w *Workflow) Launch(ctx context.Context, id string) error {
	return w.start(ctx, id, input{ID: id})
}

// LaunchValidation starts one that validates a backup of so many stored bytes. Within the same minute a backup is validated once, however
// often that is asked for.
func (w *Workflow) LaunchValidation(ctx context.Context, id string, bytes int64) error {
	return w.start(ctx, "validate-"+id+"-"+strconv.FormatInt(w.now().Unix()/60, 10), input{ID: id, Action: "validate", Bytes: bytes})
}

// LaunchRestore starts the execution that makes a reserved restore. asked is what was asked for, which the container holds against the record:
// who may write that is not who may start executions.
func (w *Workflow) LaunchRestore(ctx context.Context, id, asked string) error {
	return w.start(ctx, id, input{ID: id, Asked: asked})
}

// LaunchProof starts the execution that makes a proof which was asked for at a time.
func (w *Workflow) LaunchProof(ctx context.Context, id string, asked time.Time) error {
	return w.start(ctx, "prove-"+id+"-"+strconv.FormatInt(asked.UnixMilli(), 10), input{ID: id})
}

// LaunchCopy starts the execution that copies to second locations what they lack. For one occasion, which a name stands for, there is one.
func (w *Workflow) LaunchCopy(ctx context.Context, occasion string) error {
	return w.start(ctx, "copy-"+occasion, input{})
}

func (w *Workflow) start(ctx context.Context, name string, in input) error {
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode the workflow's input: %w", err)
	}
	_, err = w.client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: aws.String(w.arn), Name: aws.String(name), Input: aws.String(string(data)),
	})
	var started *types.ExecutionAlreadyExists
	if err == nil || errors.As(err, &started) {
		return nil
	}
	return explain(err)
}

// explain says why an execution could not be started.
func explain(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		f := fault.Wrap(err, fault.BackupCreation, fault.HostUnreachable,
			"A function in a VPC needs a way to Step Functions: an interface endpoint, or a NAT gateway.", "AWS Step Functions cannot be reached")
		f.Transient = true
		return f
	}
	switch code := api.ErrorCode(); code {
	case "StateMachineDoesNotExist", "InvalidArn":
		return fault.Wrap(err, fault.Validation, fault.NotFound, "Correct BACKUP_WORKFLOW_ARN.", "the workflow does not exist")
	case "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException":
		return fault.Wrap(err, fault.Permission, fault.AccessDenied, "Grant states:StartExecution on the state machine of BACKUP_WORKFLOW_ARN.", "the workflow may not be started")
	default:
		f := fault.Wrap(err, fault.BackupCreation, "", "Try again; if it stays, look at the state machine in the console of AWS Step Functions.", "the workflow was not started (%s)", code)
		f.Transient = api.ErrorFault() == smithy.FaultServer || strings.Contains(code, "Throttl") || strings.Contains(code, "LimitExceeded")
		return f
	}
}
