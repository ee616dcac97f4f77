"""The sentences of what makes and packages pods: operators, GitOps, Helm, kubectl, and how each is told as an event.

Sources: Knative Serving's conditions, KServe's controllers, KubeRay's events and validation, Kueue's ClusterQueues,
Grove, Argo CD and its gitops-engine, Flux's kustomize- and helm-controller, Helm 3, kustomize, External Secrets,
cert-manager, and apimachinery's words for kinds, namespaces and rights.
"""

from __future__ import annotations

import re

from vops.model.patterns import lazy_pattern

_KIND = "CustomResourceDefinition"
_NO_KIND = (
    r"(?:[Ee]rror: .{0,200}?)?(?:resource mapping not found for name: .{0,300}?)?no matches for kind "
    r"\W{0,2}\w{1,60}\W{0,2} "
    r"in version|The Kubernetes API could not find \S{1,200} for requested resource"
    r"|(?:error: )?the server doesn't have a resource type \""
    r"|the server could not find the requested resource \((?:post|patch|put) \S{1,200}\.\S{1,100}\)"
)
_NO_REFERENCE = (
    r"(?:Error from server \(NotFound\): .{0,200}?)?namespaces? \"[\w.-]{1,63}\" not found"
    r"|LLMInferenceServiceConfig\.serving\.kserve\.io \"[\w.-]{1,253}\" not found"
    r"|failed to get LLMInferenceServiceConfig \"[\w.-]{1,253}\" from"
    r"|(?:could not get secret data from provider|error processing spec\.data(?:From)?\[\d{1,4}\])"
    r"|(?:Cluster)?SecretStore(?:\.external-secrets\.io)? \"[\w.-]{1,253}\" (?:is not ready|not found)"
    r"|Referenced (?:issuer|\"\w{0,20}Issuer\") not found: |missing ServiceAccount: ServiceAccount \"?[\w./-]{1,253}"
)
_NO_RIGHTS = (
    r"(?:Error from server \(Forbidden\): .{0,300}?)?[a-z]{3,60}(?:\.[a-z0-9.-]{1,100})? "
    r"(?:\"[^\"]{1,253}\" )?is forbidden: User \"|is attempting to grant RBAC permissions not currently held"
)
_LATE = (
    r"(?:[Hh]ealth check failed after \S{1,40}?,? ?)?timeout waiting for: \["
    r"|Error: .{0,60}?resource \S{1,300} not ready\. status: InProgress"
    r"|Exceeded the PodsReady timeout"
)
_REFUSED = (
    r"No runtime found to support |Specified runtime (?:does not support|is disabled)"
    r"|Waiting for runtime to become available|[Nn]o ServingRuntimes? or ClusterServingRuntimes? with the name"
    r"|no runtimes? found (?:for|to support)|The Ray(?:Cluster|Service|Job|CronJob) (?:spec|metadata) is invalid"
    r"|(?:Error: .{0,60}?)?(?:template: \S{1,300}:\d{1,6}:\d{1,6}: executing|execution error at \(\S{1,300}:\d{1,6})"
    r"|(?:Error: .{0,60}?)?[Uu]nable to continue with (?:install|update): "
    r"|(?:Error: .{0,60}?)?rendered manifests contain a resource that already exists"
    r"|(?:kustomize build failed: |[Ee]rror: )?accumulating resources: |no matches for Id \S{1,300}; failed to find"
    r"|Revision creation failed with message: "
    r"|(?:[A-Z]\w{2,40} )?[\w./-]{1,320}: \[[\w.-]{1,253}\] fail \(blocked\)"
    r"|policy [A-Z]\w{2,40}/\S{1,300} for resource (?:violation|error)"
)
_UNROUTED = (
    r"Configuration \"[\w.-]{1,253}\" does not have any ready Revision"
    r"|Revision \"[\w.-]{1,253}\" failed to become ready"
    r"|(?:Revision|Configuration) \"[\w.-]{1,253}\" referenced in traffic not found"
)

OPERATOR_SENTENCES: tuple[tuple[str, str, str, re.Pattern[str]], ...] = (
    ("KindMissing", _KIND, "apiserver", lazy_pattern(_NO_KIND)),
    ("ReferenceMissing", _KIND, "operator", lazy_pattern(_NO_REFERENCE)),
    ("RightsMissing", _KIND, "apiserver", lazy_pattern(_NO_RIGHTS)),
    ("ProgressDeadlineExceeded", "Deployment", "operator", lazy_pattern(_LATE)),
    ("FailedCreate", "ReplicaSet", "operator", lazy_pattern(_REFUSED)),
    (
        "ScaledObjectCheckFailed",
        "ScaledObject",
        "keda-operator",
        lazy_pattern(r"Target resource doesn't (?:expose|exist)"),
    ),
    ("NoRevision", "Ingress", "knative", lazy_pattern(_UNROUTED)),
    (
        "FailedGetMetric",
        "HorizontalPodAutoscaler",
        "apiserver",
        lazy_pattern(
            r"failing or missing response from https?://\S{1,200}/apis/(?:custom|external)?\.?metrics\.k8s\.io"
            r"|\(get --raw \S{0,10}/apis/(?:custom|external)\.metrics"
        ),
    ),
    (
        "NoController",
        "Ingress",
        "knative",
        lazy_pattern(r"Ingress has not yet been reconciled"),
    ),
    (
        "InvalidCertificateRef",
        "Ingress",
        "knative",
        lazy_pattern(r"Certificate \S{1,253} fails to be provisioned: "),
    ),
    (
        "RefsInvalid",
        "Ingress",
        "kserve",
        lazy_pattern(
            r"\b(?:ResolvedRefs|Accepted|[Rr]eason)\W{1,6}(?:False\W{1,4})?(?:BackendNotFound|RefNotPermitted"
            r"|InvalidExtensionRef|NoMatchingParent)\b|\bGWCER\d{3}: "
            r"|(?:(?:Error|Warning) )?\[IST0(?:101|104|106|132|145|162)\] |Managed HTTPRoute "
            r"references non-existent|The following (?:Gateways|HTTPRoutes) are "
            r"not ready: "
            r"|The inference pool \S{1,300} is not ready|Inference Pool \S{1,300} not found"
            r"|(?:Predictor|Transformer|Explainer) (?:HTTPRoute (?:not created|has not been)|ingress not created)"
        ),
    ),
    (
        "Unschedulable",
        "Pod",
        "kueue-admission",
        lazy_pattern(
            r"Can't admit new workloads: |Can't submit new workloads to [cC]lusterQueue|Insufficient scheduled "
            r"pods\. expected at least"
        ),
    ),
    (
        "Unschedulable",
        "Pod",
        "scheduler",
        lazy_pattern(r"Job is not ready for scheduling\. Waiting for |Queue \"[\w.-]{1,253}\" does not exist"),
    ),
)

BY_REASON: dict[str, tuple[str, str]] = {
    "RuntimeNotRecognized": ("FailedCreate", "ReplicaSet"),
    "NoSupportingRuntime": ("FailedCreate", "ReplicaSet"),
    "RuntimeDisabled": ("FailedCreate", "ReplicaSet"),
    "InvalidPredictorSpec": ("FailedCreate", "ReplicaSet"),
    "RevisionMissing": ("NoRevision", "Ingress"),
    "ConfigurationMissing": ("NoRevision", "Ingress"),
    "IngressNotConfigured": ("NoController", "Ingress"),
    "CertificateProvisionFailed": ("InvalidCertificateRef", "Ingress"),
    "HTTPRouteNotReady": ("RefsInvalid", "Ingress"),
    "RefsInvalid": ("RefsInvalid", "Ingress"),
    "GatewaysNotReady": ("RefsInvalid", "Ingress"),
    "HTTPRoutesNotReady": ("RefsInvalid", "Ingress"),
    "HTTPRouteReconcileError": ("RefsInvalid", "Ingress"),
    "GatewayPreconditionNotMet": ("RefsInvalid", "Ingress"),
    "InferencePoolFetchError": ("RefsInvalid", "Ingress"),
    "InferencePoolNotReady": ("RefsInvalid", "Ingress"),
    "ConfigNotFound": ("ReferenceMissing", _KIND),
    "CombineBaseError": ("ReferenceMissing", _KIND),
    "ScalingCRDNotFound": ("KindMissing", _KIND),
    "VirtualServiceCRDNotFound": ("KindMissing", _KIND),
    "ReconcileWorkloadPermissionsError": ("RightsMissing", _KIND),
    "SecretSyncedError": ("ReferenceMissing", _KIND),
    "InvalidProviderConfig": ("ReferenceMissing", _KIND),
    "IssuerNotFound": ("ReferenceMissing", _KIND),
    "AutoscalerServiceAccountNotFound": ("ReferenceMissing", _KIND),
    "RayClusterNotFound": ("ReferenceMissing", _KIND),
    "InvalidRayClusterSpec": ("FailedCreate", "ReplicaSet"),
    "InvalidRayClusterMetadata": ("FailedCreate", "ReplicaSet"),
    "InvalidRayServiceSpec": ("FailedCreate", "ReplicaSet"),
    "InvalidRayServiceMetadata": ("FailedCreate", "ReplicaSet"),
    "InvalidRayJobSpec": ("FailedCreate", "ReplicaSet"),
    "FailedBuildModel": ("FailedBuildModel", "Ingress"),
    "FailedDeployModel": ("FailedDeployModel", "Ingress"),
    "SyncNetworkEndpointGroupFailed": ("FailedDeployModel", "Ingress"),
    "FailedComputeScale": ("FailedGetMetric", "HorizontalPodAutoscaler"),
    "SyncLoadBalancerFailed": ("AddressNotAssigned", "Ingress"),
    "FlavorNotFound": ("Unschedulable", "Pod"),
    "TopologyNotFound": ("Unschedulable", "Pod"),
}
"""Reasons of conditions and events that only one operator has, by the event that says the same and what it is about."""
