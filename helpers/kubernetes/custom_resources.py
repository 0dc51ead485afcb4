"""Where custom resources of well-known projects name images that their operators start.

A definition of paack adds to it with ``imagePaths``.
"""

from __future__ import annotations

#: (kind, path of an image in it, project and version it was read from); ``*`` is every item of a
#: list or every value of a mapping.
CUSTOM_RESOURCES = (
    ("Alertmanager", "spec.image", "prometheus-operator 0.93"),
    ("Prometheus", "spec.image", "prometheus-operator 0.93"),
    ("Prometheus", "spec.thanos.image", "prometheus-operator 0.93"),
    ("PrometheusAgent", "spec.image", "prometheus-operator 0.93"),
    ("ThanosRuler", "spec.image", "prometheus-operator 0.93"),
    ("CatalogSource", "spec.image", "operator-lifecycle-manager 0.28"),
    ("ClusterServiceVersion", "spec.relatedImages.*.image", "operator-lifecycle-manager 0.28"),
    ("Cluster", "spec.imageName", "cloudnative-pg 1.24"),
    ("Elasticsearch", "spec.image", "eck-operator 2.14"),
    ("Kibana", "spec.image", "eck-operator 2.14"),
    ("Kafka", "spec.*.image", "strimzi 1.0"),
    ("Kafka", "spec.entityOperator.*.image", "strimzi 1.0"),
    ("KafkaBridge", "spec.image", "strimzi 1.0"),
    ("KafkaConnect", "spec.image", "strimzi 1.0"),
    ("KafkaConnect", "spec.build.output.image", "strimzi 1.0"),
    ("KafkaMirrorMaker2", "spec.image", "strimzi 1.0"),
    ("Task", "spec.steps.*.image", "tekton-pipelines 1.0"),
    ("Task", "spec.sidecars.*.image", "tekton-pipelines 1.0"),
    ("Pipeline", "spec.tasks.*.taskSpec.steps.*.image", "tekton-pipelines 1.0"),
    ("Workflow", "spec.templates.*.container.image", "argo-workflows 3.7"),
    ("Workflow", "spec.templates.*.script.image", "argo-workflows 3.7"),
    ("WorkflowTemplate", "spec.templates.*.container.image", "argo-workflows 3.7"),
    ("WorkflowTemplate", "spec.templates.*.script.image", "argo-workflows 3.7"),
    ("ClusterWorkflowTemplate", "spec.templates.*.container.image", "argo-workflows 3.7"),
    ("ClusterWorkflowTemplate", "spec.templates.*.script.image", "argo-workflows 3.7"),
    ("CronWorkflow", "spec.workflowSpec.templates.*.container.image", "argo-workflows 3.7"),
    ("CronWorkflow", "spec.workflowSpec.templates.*.script.image", "argo-workflows 3.7"),
    ("CephCluster", "spec.cephVersion.image", "rook 1.18"),
    ("CephNFS", "spec.server.image", "rook 1.18"),
    ("ClusterStorageContainer", "spec.container.image", "kserve 0.16"),
    ("Image", "spec.image", "knative-serving 1.19 (caching)"),
    (
        "VirtualMachine",
        "spec.template.spec.volumes.*.containerDisk.image",
        "kubevirt 1.6",
    ),
    ("VirtualMachineInstance", "spec.volumes.*.containerDisk.image", "kubevirt 1.6"),
)
