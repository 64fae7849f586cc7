"""The failure codes of talking to Microsoft: what happened, and what a person can do."""

from operations.failures import FailureCode, register_codes

register_codes(
    FailureCode(
        "throttled",
        "Microsoft Graph is limiting requests for this tenant.",
        "Wait some minutes and retry; other tools that use the same tenant share the limit.",
        fatal=True,
    ),
    FailureCode(
        "consent_missing",
        "The app has no admin consent in this tenant.",
        "Open the connection and use the admin-consent link with an administrator of the tenant.",
        fatal=True,
    ),
    FailureCode(
        "permission_missing",
        "The app lacks a Graph permission for this.",
        "Grant the permission named in the connection's permission matrix, give admin consent, then check the connection.",
    ),
    FailureCode(
        "credential_expired",
        "The client secret or certificate has expired.",
        "Create a new one for the app registration and set it on the connection.",
        fatal=True,
    ),
    FailureCode(
        "credential_invalid",
        "Microsoft does not accept the client secret or certificate.",
        "Set the credential again. Copy the secret's value, not its id, and look at which app it belongs to.",
        fatal=True,
    ),
    FailureCode(
        "app_disabled",
        "The app is disabled in this tenant.",
        "Enable its enterprise application in the Entra admin center.",
        fatal=True,
    ),
    FailureCode(
        "app_not_found",
        "The app is not known in this tenant.",
        "Look at the client id and the tenant id, then give admin consent in the tenant.",
        fatal=True,
    ),
    FailureCode(
        "tenant_not_found",
        "Microsoft does not know this Entra tenant.",
        "Look at the Entra tenant id and at the cloud of the connection.",
        fatal=True,
    ),
    FailureCode(
        "wrong_tenant",
        "The app signs in to another tenant than the connection names.",
        "Correct the Entra tenant id of the connection.",
        fatal=True,
    ),
    FailureCode(
        "sign_in_blocked",
        "A Conditional Access policy of the tenant blocks the app's sign-in.",
        "Exclude the app's service principal from the policy, or allow the addresses of TenantPilot's servers there.",
        fatal=True,
    ),
    FailureCode(
        "clock_skew",
        "Microsoft refused the sign-in because the server's clock is wrong.",
        "Set the clock of the worker's machine (NTP), then check the connection.",
        fatal=True,
    ),
    FailureCode(
        "sign_in_failed",
        "Microsoft refused to issue a token.",
        "Read the details; check the connection again after mending them.",
        fatal=True,
    ),
    FailureCode(
        "token_rejected",
        "Graph rejected the token.",
        "Check the connection. If it stays, set the credential again.",
        fatal=True,
    ),
    FailureCode(
        "not_found",
        "The object does not exist in the tenant (any more).",
        "Sync the inventory to see what is there now.",
    ),
    FailureCode(
        "not_licensed",
        "The tenant has no licence or service for this.",
        "Nothing to do if the tenant does not use it; else assign the licence.",
    ),
    FailureCode(
        "bad_request",
        "Graph refused the request as faulty.",
        "Report it with the Graph request id: this is a mistake in TenantPilot or a change at Microsoft.",
    ),
    FailureCode(
        "conflict",
        "Graph reported a conflict with the present state.",
        "Read the object again and repeat.",
    ),
    FailureCode(
        "precondition_failed",
        "The object has changed in the meantime.",
        "Read the object again and repeat.",
    ),
    FailureCode(
        "graph_unavailable",
        "Microsoft Graph did not answer.",
        "Microsoft's service health page tells about outages; retry later.",
    ),
    FailureCode(
        "quota_reached",
        "A quota of the tenant at Microsoft is used up.",
        "Wait until Microsoft frees it, or remove what fills it; then retry.",
    ),
    FailureCode(
        "timed_out_request",
        "Microsoft Graph took too long to answer.",
        "Retry later; Microsoft's service health page tells about outages.",
    ),
    FailureCode(
        "response_too_large",
        "Graph's answer was larger than TenantPilot accepts.",
        "Raise GRAPH_MAX_BODY_BYTES if the object really is that large.",
    ),
    FailureCode(
        "response_malformed",
        "Graph's answer was not readable.",
        "Retry; if it stays, report it with the Graph request id.",
    ),
    FailureCode(
        "paging_loop",
        "A list of Graph led back to a page already read.",
        "Retry; if it stays, report it with the Graph request id. What was read is kept, nothing is called missing.",
    ),
    FailureCode(
        "paging_expired",
        "Graph forgot the place in the list before it was read to the end.",
        "Start again: the list is then read from its beginning. What was read is kept, nothing is called missing.",
    ),
    FailureCode(
        "foreign_link",
        "Graph's answer led to a foreign address, which was not followed.",
        "Report it with the Graph request id: something stands between TenantPilot and Microsoft.",
        fatal=True,
    ),
    FailureCode(
        "sandbox_not_configured",
        "This connection leads to the sandbox, which this deployment does not have.",
        "Set SANDBOX_URL, or disable the connection.",
        fatal=True,
    ),
)
