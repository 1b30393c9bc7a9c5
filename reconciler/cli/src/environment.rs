//! The environment variables that the program reads, beside those of its options, for the reference.

/// Each with what it is for.
pub(crate) const OTHERS: &[(&str, &str)] = &[
    (
        "ALL_PROXY",
        "A proxy for every call; `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` mean what they mean elsewhere. A write in small letters is read too.",
    ),
    (
        "AWS_ACCESS_KEY_ID",
        "With `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`: credentials. Profiles, SSO and the role of an instance or container are found as by every AWS tool.",
    ),
    ("AWS_CONFIG_FILE", "Where the profiles are; `AWS_SHARED_CREDENTIALS_FILE` for their credentials."),
    ("AWS_ENDPOINT_URL", "Another address than AWS, such as that of `emulator`."),
    ("AWS_ENDPOINT_URL_S3", "The same for S3 alone; names of buckets are then a part of the path."),
    ("AWS_MAX_ATTEMPTS", "How often a call is tried."),
    ("AWS_PROFILE", "Which profile."),
    (
        "AWS_REGION",
        "The region for what is asked once: who the caller is, and AWS Organizations. Where a declaration applies is in organization.yaml.",
    ),
    ("BEDROCK_RECONCILER_LOG", "Log levels of the daemon, such as `warn,bedrock_reconciler=debug`."),
    (
        "BEDROCK_RECONCILER_ABORT_AFTER_RECORD",
        "For tests: the program ends, as in a power failure, after this many records of the journal.",
    ),
    ("COLUMNS", "How wide the screen is, where that is not known otherwise."),
    ("HOME", "The state folder is `~/.local/state/bedrock-reconciler` where nothing else is said."),
    ("JOURNAL_STREAM", "Set by systemd: logs carry the priority that journald reads."),
    (
        "NOTIFY_SOCKET",
        "Set by systemd: the daemon tells when it is ready, what it does, and that it lives (`WATCHDOG_USEC`).",
    ),
    ("NO_COLOR", "No colours, as with --no-color."),
    ("STATE_DIRECTORY", "Set by systemd: the state folder, where --state does not name one."),
    ("XDG_STATE_HOME", "The folder that the state folder is in, where neither of these names it."),
];
