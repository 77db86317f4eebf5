"""Holds rendered manifests against the schemas of one Kubernetes version, and the configuration in them
against the sample. Called by chart-check.sh: chart_check.py VERSION LINEAL_YAML RENDERED"""

import sys

import kubernetes_validate
import yaml


def schema_problems(document, version):
    """What the strict schema of this Kubernetes version says; an unknown kind is a problem too."""
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(map(str, error.path))}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        yield error.message


def unknown_keys(config, sample, path=""):
    """Keys of `config` that the sample configuration does not have."""
    for key, value in config.items():
        if key not in sample:
            yield f"{path}{key}: not a key of the configuration"
        elif isinstance(value, dict):
            yield from unknown_keys(value, sample[key], f"{path}{key}.")


def config_of_environment(document):
    """The LINEAL__SECTION__KEY variables of a Deployment, nested as in lineal.yaml."""
    config = {}
    if document["kind"] == "Deployment":
        for container in document["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env", []):
                prefix, _, name = variable["name"].partition("__")
                if prefix == "LINEAL":
                    section, key = name.lower().split("__")
                    config.setdefault(section, {})[key] = variable.get("value")
    return config


def problems(document, version, sample):
    yield from schema_problems(document, version)
    yield from unknown_keys(config_of_environment(document), sample)
    if document["kind"] == "ConfigMap":
        yield from unknown_keys(yaml.safe_load(document["data"]["lineal.yaml"]), sample)


def main(version, sample_path, rendered_path):
    with open(sample_path) as file:
        sample = yaml.safe_load(file)
    with open(rendered_path) as file:
        documents = [document for document in yaml.safe_load_all(file) if document]
    found = [
        f"{document['kind']}/{document['metadata']['name']} on {version}: {problem}"
        for document in documents
        for problem in problems(document, version, sample)
    ]
    if found or not documents:
        sys.exit("\n".join(found) or f"{rendered_path}: nothing was rendered")


if __name__ == "__main__":
    main(*sys.argv[1:])
