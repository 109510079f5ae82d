// Package deployment tries out what is deployed to AWS, as far as that can be done without AWS. It holds tests only.
//
// The template (template.yaml) is read by the tools that deployments use (sam, cfn-lint), its policies by a linter and
// by assertions of our own: who may do what to which objects. The workflow (workflow/backup.asl.json) is run by an
// interpreter of the Amazon States Language, the one in moto (https://docs.getmoto.org), whose calls to Lambda and ECS
// are answered here: by canned answers where a failure has to be made, by the real programs otherwise.
package deployment
