"""Starts moto's server with what its interpreter of workflows lacks for tasks of ECS, as Step Functions has it:

- names of parameters and answers begin with a capital letter in a workflow, and with a small one in ECS's protocol;
- a task whose container ends with another status than 0 fails the state, as States.TaskFailed;
- a task whose state has timed out, or whose execution was stopped, is stopped.
"""

import botocore.session

from moto.server import main
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_ecs import StateTaskServiceEcs
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

ECS = botocore.session.get_session().get_service_model("ecs")


def operation(action):
    return ECS.operation_model({"run_task": "RunTask", "describe_tasks": "DescribeTasks"}[action])


def parameters_to_ecs(self, parameters, boto_service_name=None, service_action_name=None):
    self._to_boto_request(parameters, operation(self._get_boto_service_action(service_action_name)).input_shape)


def answer_from_ecs(self, response, boto_service_name=None, service_action_name=None):
    self._from_boto_response(response, operation(self._get_boto_service_action(service_action_name)).output_shape)


build_resolver = StateTaskServiceEcs._build_sync_resolver


def resolver(self, env, resource_runtime_part, normalised_parameters, state_credentials):
    submitted = env.stack[-1]["Tasks"][0]
    look = build_resolver(self, env, resource_runtime_part, normalised_parameters, state_credentials)

    def resolve():
        ended = look()
        if ended and any(c.get("ExitCode") != 0 for c in ended["Containers"]):
            error = StatesErrorNameType.StatesTaskFailed
            details = TaskFailedEventDetails(
                resource=self._get_sfn_resource(), resourceType=self._get_sfn_resource_type(), error=error.to_name(), cause=to_json_str(ended)
            )
            raise FailureEventException(
                FailureEvent(
                    env=env, error_name=StatesErrorName(typ=error), event_type=HistoryEventType.TaskFailed, event_details=EventDetails(taskFailedEventDetails=details)
                )
            )
        return ended

    def stop():
        client = boto_client_for(service="ecs", region=resource_runtime_part.region, state_credentials=state_credentials)
        client.stop_task(cluster=submitted["ClusterArn"], task=submitted["TaskArn"])

    resolve.stop = stop
    return resolve


wait_for = StateTaskServiceEcs._eval_sync


def wait_and_stop(self, env, sync_resolver, timeout_seconds, callback_endpoint, heartbeat_endpoint):
    ended = wait_for(self, env, sync_resolver, timeout_seconds, callback_endpoint, heartbeat_endpoint)
    if not isinstance(ended, dict):  # it is the timeout, or nothing
        sync_resolver.stop()
    return ended


StateTaskServiceEcs._normalise_parameters = parameters_to_ecs
StateTaskServiceEcs._normalise_response = answer_from_ecs
StateTaskServiceEcs._build_sync_resolver = resolver
StateTaskServiceEcs._eval_sync = wait_and_stop

if __name__ == "__main__":
    main()
