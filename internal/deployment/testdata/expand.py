"""Prints template.yaml as CloudFormation gets it: SAM's resources expanded, as JSON. Needs no AWS."""

import json
import sys

import yaml
from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse


class NoManagedPolicies:
    """The template names AWS's own policies by ARN, so none has to be looked up."""

    def load(self):
        return {}


with open(sys.argv[1], encoding="utf-8") as f:
    template = yaml_parse(f.read())
expanded = SamTemplateValidator(template, NoManagedPolicies(), region="eu-west-1").get_translated_template_if_valid()
json.dump(yaml_parse(expanded) if isinstance(expanded, str) else expanded, sys.stdout)
