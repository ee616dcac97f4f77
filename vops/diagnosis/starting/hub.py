"""Shared by the rules about the model hub and other model storage: where a container's token comes from, and how a
server refuses or cannot be reached."""

from __future__ import annotations

import re

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.logs.tracebacks import LoggedError
from vops.model.patterns import lazy_pattern

TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")

GATED = lazy_pattern(
    r"403(?: Client Error| Forbidden).{0,900}(?:gated repo|not in the authorized list|is restricted|public gated "
    r"repositor|fine-grained token|awaiting a review|has been rejected)|GatedRepoError: 403"
    r"|not in the authorized list|awaiting a review from the repo authors"
    r"|Your request to access \S{1,300} has been rejected"
    r"|enable access to public gated repositories|is a gated repository|(?:This (?:repository|model)"
    r"|[Mm]odel '[^']{1,200}') requires approval"
    r"|403 Forbidden: .{0,400}[Mm]ake sure your token has the correct permissions"
    r"|trying to access a gated repo\.(?!.{0,900}(?:401 |[Pp]lease log in|be authenticated))"
    r"|\(403 Forbidden\) for url \(https://(?:huggingface\.co|hf\.co)/(?:[\w.-]{1,96}/){2}resolve/"
    r"|403 Client Error: Forbidden for url: https://(?:huggingface\.co|hf\.co)/(?:[\w.-]{1,96}/){2}resolve/",
    re.DOTALL,
)
UNKNOWN_TOKEN = lazy_pattern(
    r"401(?: Client Error| Unauthorized).{0,900}(?:Cannot access gated repo|must have access to it and be authenticated"
    r"|[Pp]lease log in|Invalid credentials)|GatedRepoError: 401"
    r"|Invalid credentials in Authorization header|Invalid user token|(?:Illegal|Invalid) header value b?['\"]Bearer"
    r"|header value: b?['\"]Bearer|must have access to it and be authenticated|LocalTokenNotFoundError"
    r"|Token is required|Authentication failed for 'https?://(?:huggingface\.co|hf\.co)"
    r"|401 (?:Client Error|Unauthorized)\b(?!.{0,900}(?:Repository Not Found|[Rr]epo_id)).{0,300}"
    r"(?:huggingface\.co|hf\.co|Cannot access gated repo)"
    r"|trying to access a gated repo\..{0,900}(?:401 |[Pp]lease log in|be authenticated)"
    r"|NGC_API_KEY (?:is|was|not) |Authentication Error.{0,200}401"
    r"|requested URL returned error: 401|server returned error: HTTP/[\d.]{1,3} 401"
    r"|User Access Token .{0,60}(?:is invalid|has expired|expired)|Not logged in|HuggingFace authentication failed"
    r"|OIDCError|XetAuthorizationError"
    r"|[Yy]ou must be authenticated to access it|HF_TOKEN (?:is )?not set\b.{0,60}\brequired"
    r"|must use your personal account token|Invalid token passed!|Token is not valid \(401",
    re.DOTALL,
)
NO_CREDENTIALS = lazy_pattern(
    r"(?:PartialCredentials|CredentialRetrieval|TokenRetrieval|ClientAuthentication)Error|ProfileNotFound"
    r"|google\.auth\.exceptions\.TransportError|InvalidIdentityToken|could not read Username for 'https?://h"
    r"|NoCredentialsError|Unable to locate credentials|DefaultCredentialsError|default credentials were not found"
    r"|Anonymous caller does not have|CredentialUnavailableError|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken"
    r"|exceptions\.RefreshError|Unable to generate access token|IMDS endpoint|AssumeRoleWithWebIdentity"
    r"|The security token included in the request is (?:invalid|expired)|Invalid AWS credentials"
    r"|\b(?:S3|GCS|Azure|HDFS|ModelScope|Git|HTTP) authentication failed\b"
)
LIMITED = lazy_pattern(
    r"\b429\b.{0,60}(?:Too Many Requests|Client Error|rate)|429 Client Error|Too Many Requests"
    r"|rate.?limit(?:ed)? your IP|(?:GET|HEAD|request) failed \(429\)|Status\(429"
    r"|hit the rate limit|You have been rate.?limited|SlowDown|requested URL returned error: 429"
    r"|TooManyRequestsException|TooManyRequests: 429|ErrorCode:ServerBusy|^\w{1,20}: Rate limited\. Waiting"
)
NOT_THERE = lazy_pattern(
    r"RepositoryNotFoundError|RevisionNotFoundError|Repository Not Found for url|Revision Not Found for url"
    r"|HFValidationError|HfUriError|404 Client Error|EntryNotFoundError: 404|NoSuchBucket|NoSuchKey"
    r"|specified (?:bucket|key|container|blob|resource) does not exist|(?:Container|Blob)NotFound"
    r"|\(404\) when calling|requested URL returned error: 404|(?<!HTTP/1\.1 )404 Not Found"
    r"|(?:Model|Repository) '[^']{1,200}' not found|(?:Revision|File) not found in (?:model|repository)"
    r"|NotExistError|The request model: \S{1,200} does not exist|has no revision ?:"
    r"|server returned error: HTTP/[\d.]{1,3} 404|is not a valid model identifier|Invalid rev id|BucketNotFound"
    r"|Invalid bucket name|user-provided path \S{1,300} does not exist|No URLs matched"
    r"|^Download: fatal: repository '\S{1,300}' not found|RemoteEntryNotFoundError"
    r"|does not exist on (?:www\.)?modelscope|<Response \[404\]>"
    r"|\b(?:S3|GCS|Azure|HDFS|HuggingFace|ModelScope|Git) resource (?:'[^']{1,300}' )?not found"
    r"|S3 bucket '[^']{1,100}' does not exist|HTTP resource not found at '|has no /models/ directory"
    r"|NotASafetensorsRepoError|DisabledRepoError|Repository id must be 'namespace/name'"
)
OFFLINE = lazy_pattern(r"outgoing traffic has been disabled|offline mode is enabled|OfflineModeIsEnabled")
DNS = lazy_pattern(
    r"name resolution|Name or service not known|Failed to resolve|nodename nor servname|getaddrinfo failed"
    r"|NameResolutionError"
    r"|Could not resolve host|unable to resolve host|wget: bad address|No address associated with hostname|dns error"
    r"|failed to lookup address"
)
TLS = lazy_pattern(
    r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError|SSLCertVerificationError|self.signed certificate"
    r"|TLS CA certificate bundle|NO_CERTIFICATE_OR_CRL_FOUND"
    r"|SSL certificate problem|invalid peer certificate|SSL_ERROR_SYSCALL|UnknownIssuer|unable to get local issuer"
)
PROXY = lazy_pattern(
    r"ProxyError|Tunnel connection failed|407 Proxy|Cannot connect to proxy|[Pp]roxy authentication required"
    r"|unexpected status from proxy|InvalidProxyURL|Unknown scheme for proxy URL|dependencies for SOCKS support"
)
DOWN = lazy_pattern(
    r"\b5\d\d (?:Server Error|Service (?:Temporarily )?Unavailable|Bad Gateway|Gateway Time-?out|Internal Server Error)"
    r"|exceptions\.(?:ServiceUnavailable|GatewayTimeout|InternalServerError|BadGateway|RetryError)\b"
    r"|requested URL returned error: 5\d\d|Server error '5\d\d|HTTP status server error \(5\d\d"
)
_OF_THE_DISK = r"(?!.{0,200}(?:os error (?:1|13|28|30|122)\b|No space left|[Pp]ermission denied|Read-only file))"
"""What a download that broke off says where the disk and not the way was at fault."""

NO_WAY = lazy_pattern(
    r"ConnectError|ConnectTimeout|ReadTimeout|ConnectionError|MaxRetryError|ReadError|RemoteProtocolError"
    r"|ChunkedEncodingError"
    r"|IncompleteRead|Response ended prematurely|We couldn't connect to|Network is unreachable|No route to host"
    r"|Connection (?:refused|reset|timed out)|timed out|EndpointConnectionError|Could not connect to the endpoint"
    r"|curl: \((?:7|18|28|35|52|55|56|60|92)\)|error sending request for url|error decoding response body"
    r"|too many failures in parallel"
    r"|LocalEntryNotFoundError|Local entry not found|Connection error, and we cannot find"
    r"|downloading using .hf_transfer|Cannot reach"
    r"|trying to locate the files? on the Hub|does not seem to be (?:served by|on)|CAS service error"
    r"|HarmonyError: error downloading|downloading or loading vocab|ReqwestMiddleware|[Rr]eqwest::Error"
    rf"|(?:File reconstruction error|Data processing error){_OF_THE_DISK}|Force download failed"
    r"|Xet headers have not been|XetDownloadError|XetRefreshTokenError|MissingSchema|UnsupportedProtocol|hf-xet-\d"
    r"|ValueError: Invalid endpoint: |ServiceRe(?:quest|sponse)Error|Smudge error|Max retries exceeded"
    r"|Failed to open stream: curl"
    r"|TooManyRedirects|Failed to connect to (?:S3|GCS|Azure|HDFS|HuggingFace|ModelScope|HTTP|Git) endpoint"
)
STREAMER = lazy_pattern(r"libstreamer due to: (?!.{0,4}S3 not supported)")
"""What Run:ai's streamer says of storage that does not give it a file: it keeps the reason to itself."""

WAYS = (
    (STREAMER, "the storage that --load-format runai_streamer reads from does not give it the file"),
    (OFFLINE, "offline mode is on (HF_HUB_OFFLINE) and the model is not in the cache"),
    (DNS, "its name cannot be resolved"),
    (TLS, "its certificate is not trusted: something in between answers in its place"),
    (PROXY, "the proxy does not let it through"),
    (DOWN, "it answers with a server error"),
    (NO_WAY, "no connection can be made, or it breaks off"),
)
_OF_ITSELF = (
    r".{0,40}(?:\blocalhost\b|\b127\.0\.0\.1\b|\[?::1\b|connect to \d{1,3}(?:\.\d{1,3}){3} port (?!80\b|443\b))"
)
"""Somebody asks a server on the same machine, or one by its address and port, and downloads nothing."""

_STORE = lazy_pattern(
    r"[Hh]ugging ?[Ff]ace|hf\.co|hf-mirror|/api/models/|xethub|We couldn't connect|/resolve/|\bCAS\b|amazonaws"
    r"|s3[.:/-]|googleapis"
    rf"|blob\.core\.windows|modelscope|boto|gcsfs|(?:curl|wget): (?!{_OF_ITSELF})|[Hh]ub\b|kserve"
    r"|storage_initializer|download failed"
    r"|Data processing error|File reconstruction error|transformers/utils/hub|libstreamer|openai_harmony|openaipublic"
    r"|vocab file|hf_xet|hf_transfer|LocalEntryNotFound|Local entry|\bXet|hf-xet|Force download failed|proxy URL"
    r"|google\.api_core|azure\.core|\b(?:s3|gs)://|Invalid endpoint: |Smudge error|stream: curl|pypi\.org"
    r"|TLS CA certificate bundle|too many failures in parallel"
)


def about_the_store(replica: Replica, error: LoggedError | None = None) -> bool:
    """Whether a failure, the root's where none is named, came from fetching a model.

    Its library or address is then in the chain of exceptions, or in their frames.
    """
    log = replica.death_log
    wanted = error or (log.root if log is not None else None)
    chains = (log.chain, *log.others) if log is not None else ()
    chain = next((items for items in chains if wanted in items), ())
    return any(_STORE.search(item.text) or any(_STORE.search(frame) for frame in item.frames) for item in chain)


def token_source(replica: Replica) -> str:
    """Where the hub's token comes from, in words and never its value; empty when the container is given none."""
    for variable in replica.container.env:
        if variable.name not in TOKEN_VARIABLES:
            continue
        secret = variable.value_from.secret_key_ref if variable.value_from else None
        if secret is not None:
            return f"env {variable.name} from Secret {secret.get('name')}, key {secret.get('key')}"
        if variable.value_from is not None or variable.value:
            return f"env {variable.name}"
    return ""


def sends_no_token(replica: Replica) -> bool:
    """Whether the container is certainly given no token: a whole Secret taken with envFrom may hold one."""
    return replica.observed and not token_source(replica) and not replica.container.env_from


def token_evidence(replica: Replica) -> Evidence:
    """The token's source, that there is none, or where one may be."""
    source = token_source(replica)
    if source:
        return evidence.container_field(replica, "env", source)
    whole = [str(item["secretRef"].get("name")) for item in replica.container.env_from if item.get("secretRef")]
    perhaps = f", but all of Secret {', '.join(whole)}" if whole else ""
    return evidence.container_field(replica, "env", f"no {' or '.join(TOKEN_VARIABLES)}{perhaps}")
